// The loops over channels of the region kernels.
#ifndef VISUALBERT_REGION_LOOPS_H_
#define VISUALBERT_REGION_LOOPS_H_

#include <cstdint>

namespace visualbert {

// uint16_t is bfloat16. best = max(best, x)
void keep_largest(const float* x, float* best, int64_t count);
void keep_largest(const uint16_t* x, uint16_t* best, int64_t count);

// The four pixels around a sample, and their weights.
template <typename T>
struct Corners {
  const T* pixels[4];
  float shares[4];
};

// sum += the sample
void add_sample(const Corners<float>& corners, float* sum, int64_t count);
void add_sample(const Corners<uint16_t>& corners, float* sum, int64_t count);

// y = x / divisor
void divide(const float* x, float divisor, float* y, int64_t count);
void divide(const float* x, float divisor, uint16_t* y, int64_t count);

}  // namespace visualbert

#endif  // VISUALBERT_REGION_LOOPS_H_
