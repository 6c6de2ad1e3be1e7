// Convolutions of 3 x 3 by Winograd's method, around a matrix product for each of the 36 elements of a tile. With a dilation of 2 a map is
// convolved as four, each of every second pixel.
#include <algorithm>
#include <limits>
#include <vector>

#include "kernels/fused_kernels.h"
#include "kernels/kernel.h"
#include "loops/winograd_loops.h"

namespace visualbert {
namespace {

constexpr int64_t kPlanes = kWinogradIn * kWinogradIn;

// The tiles of maps [b, h, w, c], padded with zeros so that the output keeps their size.
template <int kDilation>
struct Tiles {
  Tiles(int64_t b, int64_t h, int64_t w) : height(h), width(w), rows(along(h)), columns(along(w)), count(b * kDilation * kDilation * rows * columns) {}

  static int64_t along(int64_t size) {
    const int64_t each = (size + kDilation - 1) / kDilation;
    return (each + kWinogradOut - 1) / kWinogradOut;
  }

  // Calls pixel(i, row of the maps' pixels or -1) for the pixels of a tile with sides of `side`, from `before` pixels before its first.
  template <typename Pixel>
  void each_pixel(int64_t tile, int side, int before, Pixel pixel) const {
    const int64_t column = tile % columns, row = tile / columns % rows, phase = tile / (columns * rows);
    const int64_t x0 = (column * kWinogradOut - before) * kDilation + phase % kDilation;
    const int64_t y0 = (row * kWinogradOut - before) * kDilation + phase / kDilation % kDilation;
    const int64_t image = phase / (kDilation * kDilation);
    for (int i = 0; i < side * side; ++i) {
      const int64_t y = y0 + i / side * kDilation, x = x0 + i % side * kDilation;
      const bool is_inside = y >= 0 && y < height && x >= 0 && x < width;
      pixel(i, is_inside ? (image * height + y) * width + x : -1);
    }
  }

  int64_t height, width, rows, columns, count;
};

// Maps [b, h, w, c] to tiles [36, n, c].
template <int kDilation>
struct WinogradInputKernel {
  explicit WinogradInputKernel(Attributes) {}
  void run(Call& call) const {
    TF_Tensor* input = call.input(0);
    const std::vector<int64_t> shape = Call::shape_of(input);
    const int64_t channels = width_of(input);
    const Tiles<kDilation> tiles(shape[0], shape[1], shape[2]);
    const float* x = call.data(0, size_of(input));
    float* y = call.shaped_output<float>(0, {kPlanes, tiles.count, channels});
    const std::vector<float> zeros(static_cast<size_t>(channels), 0.0f);
    parallel_for(tiles.count, 1, [&](int64_t from, int64_t to, int) {
      const float* pixels[kPlanes];
      for (int64_t tile = from; tile < to; ++tile) {
        tiles.each_pixel(tile, kWinogradIn, 1, [&](int i, int64_t row) { pixels[i] = row < 0 ? zeros.data() : x + row * channels; });
        winograd_input(pixels, y + tile * channels, tiles.count * channels, channels);
      }
    });
  }
};

// Products [36, n, c], a bias [c] and maps [b, h, w, any], to maps [b, h, w, c].
template <int kDilation>
struct WinogradOutputKernel {
  explicit WinogradOutputKernel(Attributes a) : is_relu(a.integer("is_relu") != 0) {}
  void run(Call& call) const {
    const std::vector<int64_t> shape = Call::shape_of(call.input(2));
    const int64_t channels = width_of(call.input(0));
    const Tiles<kDilation> tiles(shape[0], shape[1], shape[2]);
    const float *products = call.data(0, kPlanes * tiles.count * channels), *bias = call.data(1, channels);
    float* y = call.shaped_output<float>(0, {shape[0], shape[1], shape[2], channels});
    const float least = is_relu ? 0.0f : -std::numeric_limits<float>::infinity();
    parallel_for(tiles.count, 1, [&](int64_t from, int64_t to, int) {
      float* pixels[kWinogradOut * kWinogradOut];
      for (int64_t tile = from; tile < to; ++tile) {
        tiles.each_pixel(tile, kWinogradOut, 0, [&](int i, int64_t row) { pixels[i] = row < 0 ? nullptr : y + row * channels; });
        winograd_output(products + tile * channels, tiles.count * channels, bias, least, pixels, channels);
      }
    });
  }
  bool is_relu;
};

template <int kDilation>
void shapes_tiles(Shapes& shapes) {
  TF_ShapeHandle* maps = shapes.axes(0, 0, 3, 4);
  const int64_t b = shapes.size(maps, 0), h = shapes.size(maps, 1), w = shapes.size(maps, 2);
  if (b < 0 || h < 0 || w < 0) return shapes.set_unknown();
  shapes.set(0, shapes.joined({shapes.vector(kPlanes), shapes.vector(Tiles<kDilation>(b, h, w).count), shapes.axes(0, 3, 4, 4)}));
}

void shapes_maps(Shapes& shapes) { shapes.set(0, shapes.joined({shapes.axes(2, 0, 3, 4), shapes.axes(0, 2, 3, 3)})); }

template <int kDilation>
void define_winograd(const char* input, const char* output) {
  define<WinogradInputKernel<kDilation>, shapes_tiles<kDilation>>({input, {"maps: float"}, {"tiles: float"}, {}, false});
  define<WinogradOutputKernel<kDilation>, shapes_maps>(
      {output, {"products: float", "bias: float", "like: float"}, {"maps: float"}, {"is_relu: int"}, false});
}

}  // namespace

void register_winograd_kernels() {
  define_winograd<1>("VisualbertWinogradInput", "VisualbertWinogradOutput");
  define_winograd<2>("VisualbertDilatedWinogradInput", "VisualbertDilatedWinogradOutput");
}

}  // namespace visualbert
