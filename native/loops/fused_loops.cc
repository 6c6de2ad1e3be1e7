// The loops of the fused kernels. They include no TensorFlow header, so that this file can be compiled with more optimisation than the rest.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("O3", "no-trapping-math")
#endif

#include "loops/fused_loops.h"

#include <algorithm>
#include <cfloat>

#include "loops/vector_math.h"

namespace visualbert {

namespace {

template <typename Gradient>
inline void adamw_loop(const AdamW& o, float* __restrict parameter, float* __restrict first, float* __restrict second,
                       const Gradient* __restrict gradient, int64_t count) {
  const float step = o.rate * o.first_correction;
  for (int64_t i = 0; i < count; ++i) {
    const float g = widened(gradient[i]) * o.gradient_scale;
    const float m = first[i] + (g - first[i]) * o.share1;
    const float v = second[i] + (g * g - second[i]) * o.share2;
    first[i] = m;
    second[i] = v;
    parameter[i] = parameter[i] * o.decay - m / (std::sqrt(v) * o.second_correction + o.epsilon) * step;
  }
}

}  // namespace

VISUALBERT_WIDE void adamw(const AdamW& o, float* parameter, float* first, float* second, const float* gradient, int64_t count) {
  adamw_loop(o, parameter, first, second, gradient, count);
}

VISUALBERT_WIDE void adamw(const AdamW& o, float* parameter, float* first, float* second, const uint16_t* gradient, int64_t count) {
  adamw_loop(o, parameter, first, second, gradient, count);
}

VISUALBERT_WIDE float sum_of_squares(const float* x, int64_t count) {
  return lane_sum(count, [x](int64_t i) { return x[i] * x[i]; });
}

VISUALBERT_WIDE float sum_of_squares(const uint16_t* x, int64_t count) {
  return lane_sum(count, [x](int64_t i) { return widened(x[i]) * widened(x[i]); });
}

// Infinity and NaN have every exponent bit set: adding one to the exponent reaches the sign bit.
VISUALBERT_WIDE bool all_finite(const float* x, int64_t count) {
  uint32_t carried = 0;
  for (int64_t i = 0; i < count; ++i) {
    uint32_t bits;
    std::memcpy(&bits, x + i, sizeof bits);
    carried |= (bits & 0x7f800000u) + 0x00800000u;
  }
  return carried < 0x80000000u;
}

namespace {

template <typename T>
inline void gelu_loop(const T* __restrict x, T* __restrict y, int64_t count) {
  for (int64_t i = 0; i < count; ++i) {
    const float value = widened(x[i]);
    narrow(value * normal_cdf(value, exp_negative(-0.5f * value * value)), y + i);
  }
}

template <typename T>
inline void gelu_gradient_loop(const T* __restrict dy, const T* __restrict x, T* __restrict dx, int64_t count) {
  constexpr float kInverseRootOfTwoPi = 0.398942280401432678f;
  for (int64_t i = 0; i < count; ++i) {
    const float value = widened(x[i]);
    const float bell = exp_negative(-0.5f * value * value);
    narrow(widened(dy[i]) * (normal_cdf(value, bell) + value * bell * kInverseRootOfTwoPi), dx + i);
  }
}

template <typename T>
inline void column_sums_loop(const T* __restrict x, float* __restrict sums, int64_t rows, int64_t width, int64_t stride) {
  for (int64_t row = 0; row < rows; ++row, x += stride) {
    for (int64_t i = 0; i < width; ++i) sums[i] += widened(x[i]);
  }
}

// Eight 32-bit numbers in 64-bit lanes, so that their products do not overflow.
typedef uint64_t Words __attribute__((vector_size(64)));
constexpr int kWords = 8;

// Philox 4x32-10, eight counters at once: each gives four consecutive elements.
template <typename T>
inline void dropout_loop(const Mask& mask, const T* x, T* y, int64_t offset, int64_t count) {
  constexpr int64_t kElements = 4 * kWords;
  constexpr uint64_t kLow = 0xffffffffu, kFraction = 0x7fffffu;  // a uniform number is 23 bits over 2^23
  const uint64_t threshold = static_cast<uint64_t>(std::ceil(static_cast<double>(mask.rate) * (kFraction + 1)));
  uint32_t scale;
  std::memcpy(&scale, &mask.scale, sizeof scale);
  const Words lanes = {0, 1, 2, 3, 4, 5, 6, 7};
  for (int64_t start = 0; start < count; start += kElements) {
    const Words block = lanes + static_cast<uint64_t>(offset + start) / 4;
    Words c0 = block & kLow, c1 = block >> 32, c2 = lanes * 0 + mask.salt, c3 = lanes * 0;
    uint32_t k0 = mask.seed, k1 = mask.step;
    for (int round = 0; round < 10; ++round) {
      const Words product0 = c0 * 0xd2511f53u, product1 = c2 * 0xcd9e8d57u;
      c0 = (product1 >> 32) ^ c1 ^ k0;
      c2 = (product0 >> 32) ^ c3 ^ k1;
      c1 = product1 & kLow;
      c3 = product0 & kLow;
      k0 += 0x9e3779b9u;
      k1 += 0xbb67ae85u;
    }
    for (Words* words : {&c0, &c1, &c2, &c3}) *words = reinterpret_cast<Words>((*words & kFraction) >= threshold) & scale;
    const Words first = c0 | c1 << 32, second = c2 | c3 << 32;
    uint64_t pairs[2 * kWords];
    for (int word = 0; word < kWords; ++word) {
      pairs[2 * word] = first[word];
      pairs[2 * word + 1] = second[word];
    }
    float factor[kElements];
    std::memcpy(factor, pairs, sizeof factor);
    if (count - start >= kElements) {
      for (int64_t i = 0; i < kElements; ++i) narrow(widened(x[start + i]) * factor[i], y + start + i);
    } else {
      for (int64_t i = 0; i < count - start; ++i) narrow(widened(x[start + i]) * factor[i], y + start + i);
    }
  }
}

template <typename T>
inline void layer_norm_loop(const T* x, const float* residual, const float* __restrict weight, const float* __restrict bias, float epsilon,
                            float* __restrict y, float* total, int64_t rows, int64_t width) {
  const float inverse_width = 1.0f / static_cast<float>(width);
  for (int64_t row = 0; row < rows; ++row, x += width, y += width, total += width) {
    for (int64_t i = 0; i < width; ++i) total[i] = widened(x[i]) + (residual == nullptr ? 0.0f : residual[i]);
    if (residual != nullptr) residual += width;
    const float* in = total;
    const float mean = lane_sum(width, [in](int64_t i) { return in[i]; }) * inverse_width;
    const float variance = lane_sum(width, [in, mean](int64_t i) { return (in[i] - mean) * (in[i] - mean); }) * inverse_width;
    const float inverse = 1.0f / std::sqrt(variance + epsilon);
    for (int64_t i = 0; i < width; ++i) y[i] = (in[i] - mean) * inverse * weight[i] + bias[i];
  }
}

}  // namespace

VISUALBERT_WIDE void gelu(const float* x, float* y, int64_t count) { gelu_loop(x, y, count); }
VISUALBERT_WIDE void gelu(const uint16_t* x, uint16_t* y, int64_t count) { gelu_loop(x, y, count); }

VISUALBERT_WIDE void gelu_gradient(const float* dy, const float* x, float* dx, int64_t count) { gelu_gradient_loop(dy, x, dx, count); }
VISUALBERT_WIDE void gelu_gradient(const uint16_t* dy, const uint16_t* x, uint16_t* dx, int64_t count) {
  gelu_gradient_loop(dy, x, dx, count);
}

VISUALBERT_WIDE void column_sums(const float* x, float* sums, int64_t rows, int64_t width, int64_t stride) {
  column_sums_loop(x, sums, rows, width, stride);
}
VISUALBERT_WIDE void column_sums(const uint16_t* x, float* sums, int64_t rows, int64_t width, int64_t stride) {
  column_sums_loop(x, sums, rows, width, stride);
}

VISUALBERT_WIDE void dropout(const Mask& mask, const float* x, float* y, int64_t offset, int64_t count) {
  dropout_loop(mask, x, y, offset, count);
}
VISUALBERT_WIDE void dropout(const Mask& mask, const uint16_t* x, uint16_t* y, int64_t offset, int64_t count) {
  dropout_loop(mask, x, y, offset, count);
}

VISUALBERT_WIDE void layer_norm(const float* x, const float* residual, const float* weight, const float* bias, float epsilon, float* y,
                                float* total, int64_t rows, int64_t width) {
  layer_norm_loop(x, residual, weight, bias, epsilon, y, total, rows, width);
}
VISUALBERT_WIDE void layer_norm(const uint16_t* x, const float* residual, const float* weight, const float* bias, float epsilon, float* y,
                                float* total, int64_t rows, int64_t width) {
  layer_norm_loop(x, residual, weight, bias, epsilon, y, total, rows, width);
}

VISUALBERT_WIDE void layer_norm_gradient(const float* dy, const float* total, const float* __restrict weight, float epsilon,
                                         float* __restrict dx, float* __restrict dweight, float* __restrict dbias, int64_t rows,
                                         int64_t width) {
  const float inverse_width = 1.0f / static_cast<float>(width);
  for (int64_t row = 0; row < rows; ++row, dy += width, total += width, dx += width) {
    const float mean = lane_sum(width, [total](int64_t i) { return total[i]; }) * inverse_width;
    const float variance = lane_sum(width, [total, mean](int64_t i) { return (total[i] - mean) * (total[i] - mean); }) * inverse_width;
    const float inverse = 1.0f / std::sqrt(variance + epsilon);
    const float shift = lane_sum(width, [dy, weight](int64_t i) { return dy[i] * weight[i]; }) * inverse_width;
    const float slope =
        lane_sum(width, [=](int64_t i) { return dy[i] * weight[i] * ((total[i] - mean) * inverse); }) * inverse_width;
    for (int64_t i = 0; i < width; ++i) {
      const float unit = (total[i] - mean) * inverse;
      dx[i] = (dy[i] * weight[i] - shift - unit * slope) * inverse;
      dweight[i] += dy[i] * unit;
      dbias[i] += dy[i];
    }
  }
}

VISUALBERT_WIDE void softmax_row(const float* x, const float* bias, float scale, float* __restrict y, int64_t width) {
  float lanes[kLanes];
  for (float& lane : lanes) lane = -FLT_MAX;
  for (int64_t i = 0; i < width; ++i) y[i] = bias == nullptr ? x[i] * scale : x[i] * scale + bias[i];
  int64_t i = 0;
  for (; i + kLanes <= width; i += kLanes) {
    for (int lane = 0; lane < kLanes; ++lane) lanes[lane] = y[i + lane] > lanes[lane] ? y[i + lane] : lanes[lane];
  }
  float largest = -FLT_MAX;
  for (; i < width; ++i) largest = std::max(largest, y[i]);
  for (float lane : lanes) largest = std::max(largest, lane);
  for (int64_t j = 0; j < width; ++j) y[j] = exp_negative(y[j] - largest);
  const float inverse = 1.0f / lane_sum(width, [y](int64_t j) { return y[j]; });
  for (int64_t j = 0; j < width; ++j) y[j] *= inverse;
}

VISUALBERT_WIDE void softmax_gradient_row(const float* dy, const float* y, float scale, float* __restrict dx, int64_t width) {
  const float sum = lane_sum(width, [dy, y](int64_t i) { return dy[i] * y[i]; });
  for (int64_t i = 0; i < width; ++i) dx[i] = y[i] * (dy[i] - sum) * scale;
}

}  // namespace visualbert
