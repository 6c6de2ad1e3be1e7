// Winograd's convolution F(4 x 4, 3 x 3) for one tile: 36 products for 16 results in place of 144. See https://arxiv.org/abs/1509.09308.
#ifndef VISUALBERT_WINOGRAD_LOOPS_H_
#define VISUALBERT_WINOGRAD_LOOPS_H_

#include <cstdint>

namespace visualbert {

constexpr int kWinogradIn = 6;   // pixels along each side of a tile that is read
constexpr int kWinogradOut = 4;  // and of one that is written

// The tile's 36 pixels of `count` channels each, to 36 vectors, `plane` floats apart.
void winograd_input(const float* const* pixels, float* tile, int64_t plane, int64_t count);

// 36 vectors, `plane` floats apart, to 16 pixels of `count` channels each; null for pixels outside of the map.
// `least` is 0 for a ReLU, else minus infinity.
void winograd_output(const float* tile, int64_t plane, const float* bias, float least, float* const* pixels, int64_t count);

}  // namespace visualbert

#endif  // VISUALBERT_WINOGRAD_LOOPS_H_
