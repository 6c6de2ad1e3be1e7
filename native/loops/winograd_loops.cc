// The transforms of Winograd's convolution. They include no TensorFlow header, so that this file can be compiled with more optimisation than the rest.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("O3", "no-trapping-math")
#endif

#include "loops/winograd_loops.h"

#include <algorithm>

#include "loops/vector_math.h"

namespace visualbert {
namespace {

struct Lanes {
  float at[kLanes];
};

// B^T x for one column of the tile, in place: 6 vectors, `step` apart.
inline void transform_input(Lanes* x, int step) {
  for (int i = 0; i < kLanes; ++i) {
    const float a = x[0].at[i], b = x[step].at[i], c = x[2 * step].at[i], d = x[3 * step].at[i], e = x[4 * step].at[i], f = x[5 * step].at[i];
    const float even = e - 4.0f * c, odd = d - 4.0f * b, near = e - c, far = 2.0f * (d - b);
    x[0].at[i] = 4.0f * a - 5.0f * c + e;
    x[step].at[i] = even + odd;
    x[2 * step].at[i] = even - odd;
    x[3 * step].at[i] = near + far;
    x[4 * step].at[i] = near - far;
    x[5 * step].at[i] = 4.0f * b - 5.0f * d + f;
  }
}

// A^T x for one column of products, its 4 results in place of the first 4 vectors.
inline void transform_output(Lanes* x, int step) {
  for (int i = 0; i < kLanes; ++i) {
    const float a = x[0].at[i], b = x[step].at[i], c = x[2 * step].at[i], d = x[3 * step].at[i], e = x[4 * step].at[i], f = x[5 * step].at[i];
    const float near = b + c, nearer = b - c, far = d + e, farther = d - e;
    x[0].at[i] = a + near + far;
    x[step].at[i] = nearer + 2.0f * farther;
    x[2 * step].at[i] = near + 4.0f * far;
    x[3 * step].at[i] = nearer + 8.0f * farther + f;
  }
}

// Full vectors are copied at once, the remaining floats one by one.
inline void load(const float* from, Lanes* to, int64_t left) {
  if (left >= kLanes) std::copy_n(from, kLanes, to->at);
  else for (int i = 0; i < kLanes; ++i) to->at[i] = i < left ? from[i] : 0.0f;
}
inline void store(const Lanes& from, float* to, int64_t left) {
  if (left >= kLanes) std::copy_n(from.at, kLanes, to);
  else for (int i = 0; i < left; ++i) to[i] = from.at[i];
}

}  // namespace

VISUALBERT_WIDE void winograd_input(const float* const* pixels, float* tile, int64_t plane, int64_t count) {
  for (int64_t channel = 0; channel < count; channel += kLanes) {
    Lanes x[kWinogradIn * kWinogradIn];
    for (int i = 0; i < kWinogradIn * kWinogradIn; ++i) load(pixels[i] + channel, x + i, count - channel);
    for (int i = 0; i < kWinogradIn; ++i) transform_input(x + i, kWinogradIn);
    for (int i = 0; i < kWinogradIn; ++i) transform_input(x + i * kWinogradIn, 1);
    for (int i = 0; i < kWinogradIn * kWinogradIn; ++i) store(x[i], tile + i * plane + channel, count - channel);
  }
}

VISUALBERT_WIDE void winograd_output(const float* tile, int64_t plane, const float* bias, float least, float* const* pixels, int64_t count) {
  for (int64_t channel = 0; channel < count; channel += kLanes) {
    Lanes x[kWinogradIn * kWinogradIn], b;
    load(bias + channel, &b, count - channel);
    for (int i = 0; i < kWinogradIn * kWinogradIn; ++i) load(tile + i * plane + channel, x + i, count - channel);
    for (int i = 0; i < kWinogradIn; ++i) transform_output(x + i, kWinogradIn);
    for (int row = 0; row < kWinogradOut; ++row) {
      Lanes* y = x + row * kWinogradIn;
      transform_output(y, 1);
      for (int i = 0; i < kWinogradOut; ++i) {
        float* pixel = pixels[row * kWinogradOut + i];
        if (pixel == nullptr) continue;
        for (int lane = 0; lane < kLanes; ++lane) y[i].at[lane] = std::max(y[i].at[lane] + b.at[lane], least);
        store(y[i], pixel + channel, count - channel);
      }
    }
  }
}

}  // namespace visualbert
