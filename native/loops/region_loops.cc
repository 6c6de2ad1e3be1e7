// The loops over channels of the region kernels. They include no TensorFlow header, so that this file can be compiled with more optimisation than the rest.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("O3", "no-trapping-math")
#endif

#include "loops/region_loops.h"

#include "loops/vector_math.h"

namespace visualbert {
namespace {

template <typename T>
inline void keep_largest_loop(const T* __restrict x, T* __restrict best, int64_t count) {
  for (int64_t i = 0; i < count; ++i) best[i] = widened(x[i]) > widened(best[i]) ? x[i] : best[i];
}

template <typename T>
inline void add_sample_loop(const Corners<T>& corners, float* __restrict sum, int64_t count) {
  const T *p0 = corners.pixels[0], *p1 = corners.pixels[1], *p2 = corners.pixels[2], *p3 = corners.pixels[3];
  const float s0 = corners.shares[0], s1 = corners.shares[1], s2 = corners.shares[2], s3 = corners.shares[3];
  for (int64_t i = 0; i < count; ++i) sum[i] += s0 * widened(p0[i]) + s1 * widened(p1[i]) + s2 * widened(p2[i]) + s3 * widened(p3[i]);
}

template <typename T>
inline void divide_loop(const float* __restrict x, float divisor, T* __restrict y, int64_t count) {
  for (int64_t i = 0; i < count; ++i) narrow(x[i] / divisor, y + i);
}

}  // namespace

VISUALBERT_WIDE void keep_largest(const float* x, float* best, int64_t count) { keep_largest_loop(x, best, count); }
VISUALBERT_WIDE void keep_largest(const uint16_t* x, uint16_t* best, int64_t count) { keep_largest_loop(x, best, count); }

VISUALBERT_WIDE void add_sample(const Corners<float>& corners, float* sum, int64_t count) { add_sample_loop(corners, sum, count); }
VISUALBERT_WIDE void add_sample(const Corners<uint16_t>& corners, float* sum, int64_t count) { add_sample_loop(corners, sum, count); }

VISUALBERT_WIDE void divide(const float* x, float divisor, float* y, int64_t count) { divide_loop(x, divisor, y, count); }
VISUALBERT_WIDE void divide(const float* x, float divisor, uint16_t* y, int64_t count) { divide_loop(x, divisor, y, count); }

}  // namespace visualbert
