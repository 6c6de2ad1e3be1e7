// Operations that read float32 values from a file of this machine, packed for products or as they are: initial values of variables.
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <string>
#include <vector>

#include "kernels/fused_kernels.h"
#include "kernels/kernel.h"
#include "loops/fused_loops.h"
#include "loops/packed_matrix.h"

namespace visualbert {
namespace {

constexpr int64_t kPiece = 1 << 16;  // values read at a time: they are checked while they are in the cache

// Values given by the input `location`: [descriptor of the open file, byte offset of the first, sizes of the axes].
class FileValues {
 public:
  explicit FileValues(Call& call) {
    TF_Tensor* location = call.input(0);
    if (size_of(location) < 2) throw std::runtime_error("expected a descriptor, an offset and a shape");
    const uint64_t* numbers = static_cast<const uint64_t*>(TF_TensorData(location));
    descriptor_ = static_cast<int>(numbers[0]);
    position_ = static_cast<int64_t>(numbers[1]);
    shape_.assign(numbers + 2, numbers + size_of(location));
  }

  const std::vector<int64_t>& shape() const { return shape_; }

  // Reads values from..to; may be called by several threads. A failure is thrown by `finish`.
  void read(int64_t from, int64_t to, float* values) {
    char* target = reinterpret_cast<char*>(values);
    int64_t at = position_ + from * kWidth;
    for (const int64_t end = position_ + to * kWidth; at < end;) {
      const ssize_t count = pread(descriptor_, target, static_cast<size_t>(end - at), static_cast<off_t>(at));
      if (count < 0 && errno == EINTR) continue;
      if (count <= 0) {
        failed_at_ = at;
        error_ = count < 0 ? errno : 0;
        return;
      }
      at += count;
      target += count;
    }
    if (!all_finite(values, to - from)) are_finite_ = false;
  }

  // Sets output 1: whether all values are finite.
  void finish(Call& call) const {
    const int64_t at = failed_at_;
    if (at >= 0) throw std::runtime_error("byte " + std::to_string(at) + " of the file: " + (error_ == 0 ? "it ends there" : std::strerror(error_)));
    *call.shaped_output<uint8_t>(1, {}) = are_finite_ ? 1 : 0;
  }

 private:
  static constexpr int64_t kWidth = sizeof(float);
  int descriptor_;
  int64_t position_;
  std::vector<int64_t> shape_;
  std::atomic<int64_t> failed_at_{-1};
  std::atomic<int> error_{0};
  std::atomic<bool> are_finite_{true};
};

// To an array.
struct ReadFileKernel {
  explicit ReadFileKernel(Attributes) {}
  void run(Call& call) const {
    FileValues file(call);
    int64_t count = 1;
    for (int64_t size : file.shape()) count *= size;
    float* values = call.shaped_output<float>(0, file.shape());
    parallel_for(count, kPiece, [&](int64_t from, int64_t to, int) {
      for (int64_t at = from; at < to; at += kPiece) file.read(at, std::min(at + kPiece, to), values + at);
    });
    file.finish(call);
  }
};

// To a packed matrix, panel by panel.
struct PackFileKernel {
  explicit PackFileKernel(Attributes a) : packing(static_cast<Packing>(a.integer("packing"))) {}
  void run(Call& call) const {
    FileValues file(call);
    if (file.shape().size() != 2) throw std::runtime_error("expected a matrix");
    const int64_t rows = file.shape()[0], depth = file.shape()[1];
    const size_t size = packed_bytes(packing, rows, depth);
    uint8_t* bytes = call.shaped_output<uint8_t>(0, {static_cast<int64_t>(size)});
    pack_header(packing, rows, depth, bytes);
    const PackedMatrix packed = packed_matrix(bytes, size);
    parallel_for(packed.count(), 1, [&](int64_t from, int64_t to, int) {
      std::vector<float> panel(static_cast<size_t>(kPanel * depth));
      for (int64_t index = from; index < to; ++index) {
        const int64_t first = index * kPanel;
        file.read(first * depth, std::min(first + kPanel, rows) * depth, panel.data());
        pack_panel(packed, panel.data(), index);
      }
    });
    file.finish(call);
  }
  Packing packing;
};

}  // namespace

void register_file_kernels() {
  define<ReadFileKernel, shapes_none>({"VisualbertReadFile", {"location: uint64"}, {"values: float", "are_finite: uint8"}, {}, true});
  define<PackFileKernel, shapes_none>({"VisualbertPackFile", {"location: uint64"}, {"packed: uint8", "are_finite: uint8"}, {"packing: int"}, true});
}

}  // namespace visualbert
