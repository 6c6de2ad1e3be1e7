// The arithmetic of the fused kernels: plain loops over floats, written so that the compiler can use wide registers.
#ifndef VISUALBERT_VECTOR_MATH_H_
#define VISUALBERT_VECTOR_MATH_H_

#include <cmath>
#include <cstdint>
#include <cstring>

// One copy of a function for each generation of processors; the loader picks the best.
#if defined(__x86_64__) && defined(__linux__) && defined(__GNUC__) && !defined(__clang__)
#define VISUALBERT_WIDE __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default"), flatten))
#else
#define VISUALBERT_WIDE
#endif

namespace visualbert {

constexpr int kLanes = 16;  // floats of the widest register

inline float widened(float value) { return value; }
// The float32 of a bfloat16: its upper half.
inline float widened(uint16_t value) {
  const uint32_t bits = static_cast<uint32_t>(value) << 16;
  float result;
  std::memcpy(&result, &bits, sizeof result);
  return result;
}

inline void narrow(float value, float* target) { *target = value; }
// Rounds to the nearest bfloat16, ties to even. A NaN stays one.
inline void narrow(float value, uint16_t* target) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  const uint32_t rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
  *target = static_cast<uint16_t>(value != value ? 0x7fc0u : rounded);
}

// e^x for x <= 0, to 2 units in the last place: 2^n times a Taylor polynomial on |r| <= ln(2) / 2.
inline float exp_negative(float x) {
  const float bounded = x < -87.0f ? -87.0f : x;
  const float n = std::nearbyint(bounded * 1.44269504088896341f);
  const float r = (bounded - n * 0.693145751953125f) - n * 1.42860682030941723e-6f;  // ln 2 in two parts
  float sum = 1.0f / 5040;
  sum = sum * r + 1.0f / 720;
  sum = sum * r + 1.0f / 120;
  sum = sum * r + 1.0f / 24;
  sum = sum * r + 1.0f / 6;
  sum = sum * r + 0.5f;
  sum = sum * r + 1.0f;
  sum = sum * r + 1.0f;
  const int32_t bits = (static_cast<int32_t>(n) + 127) << 23;
  float power;
  std::memcpy(&power, &bits, sizeof power);
  return sum * power;
}

// The standard normal distribution function, given bell = e^(-x^2 / 2).
// Phi(-|x|) = bell / 2 * P(t), t = 1 / (1 + 0.37 |x| / sqrt 2): P fitted to erfc(z) e^(z^2) with relative error 2e-8.
inline float normal_cdf(float x, float bell) {
  const float t = 1.0f / (1.0f + 0.37f * 0.707106781186547524f * std::fabs(x));
  float p = 0.06192592245813915f;
  p = p * t - 0.30328731867219216f;
  p = p * t + 0.4868725187823542f;
  p = p * t - 0.2853482821963089f;
  p = p * t + 0.3108280807298836f;
  p = p * t + 0.1065088046053291f;
  p = p * t + 0.206257095099043f;
  p = p * t + 0.20742939058082255f;
  p = p * t + 0.20881377159266523f;
  const float tail = 0.5f * bell * (p * t);
  return x < 0 ? tail : 1.0f - tail;
}

// Sum of `count` floats f(i), in lanes.
template <typename Value>
inline float lane_sum(int64_t count, Value value) {
  float lanes[kLanes] = {};
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    for (int lane = 0; lane < kLanes; ++lane) lanes[lane] += value(i + lane);
  }
  for (int lane = 0; i < count; ++i, ++lane) lanes[lane] += value(i);
  float sum = 0;
  for (int lane = 0; lane < kLanes; ++lane) sum += lanes[lane];
  return sum;
}

}  // namespace visualbert

#endif  // VISUALBERT_VECTOR_MATH_H_
