// Memory that a thread keeps between kernels.
#ifndef VISUALBERT_SCRATCH_H_
#define VISUALBERT_SCRATCH_H_

#include <cstddef>
#include <cstdint>
#include <vector>

namespace visualbert {

// Memory number `which` of this thread for `count` values, at a cache line; it grows to what the largest kernel needs.
template <typename Value>
Value* scratch(int which, size_t count) {
  static thread_local std::vector<uint8_t> kept[4];
  std::vector<uint8_t>& memory = kept[which];
  if (memory.size() < count * sizeof(Value) + 64) memory.resize(count * sizeof(Value) + 64);
  return reinterpret_cast<Value*>(memory.data() + (64 - reinterpret_cast<uintptr_t>(memory.data()) % 64) % 64);
}

}  // namespace visualbert

#endif  // VISUALBERT_SCRATCH_H_
