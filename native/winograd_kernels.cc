// Convolutions of 3 x 3 by Winograd's method, around a matrix product for each of the 36 elements of a tile. With a dilation of 2 a map is
// convolved as four, each of every second pixel.
#include <algorithm>
#include <limits>
#include <vector>

#include "fused_kernels.h"
#include "kernel.h"
#include "winograd_loops.h"

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

// A shape under construction.
class Shape {
 public:
  Shape(TF_ShapeInferenceContext* context, TF_Status* status) : context_(context), status_(status), shape_(TF_NewShapeHandle()) {}
  ~Shape() { TF_DeleteShapeHandle(shape_); }

  // An input's axes from `from` to `to`, of rank `rank`.
  Shape& input(int index, int64_t rank, int64_t from, int64_t to) {
    if (ok()) TF_ShapeInferenceContextGetInput(context_, index, shape_, status_);
    if (ok()) TF_ShapeInferenceContextWithRank(context_, shape_, rank, shape_, status_);
    if (ok()) TF_ShapeInferenceContextSubshape(context_, shape_, from, to, shape_, status_);
    return *this;
  }
  int64_t dim(int64_t index) {
    TF_DimensionHandle* dimension = TF_NewDimensionHandle();
    if (ok()) TF_ShapeInferenceContextDim(context_, shape_, index, dimension);
    const int64_t value = ok() ? TF_DimensionHandleValue(dimension) : -1;
    TF_DeleteDimensionHandle(dimension);
    return value;
  }
  void set_with(TF_ShapeHandle* last) {
    if (ok()) TF_ShapeInferenceContextConcatenateShapes(context_, shape_, last, shape_, status_);
    if (ok()) TF_ShapeInferenceContextSetOutput(context_, 0, shape_, status_);
  }
  TF_ShapeHandle* handle() { return shape_; }
  bool ok() const { return TF_GetCode(status_) == TF_OK; }

 private:
  TF_ShapeInferenceContext* context_;
  TF_Status* status_;
  TF_ShapeHandle* shape_;
};

template <int kDilation>
void shapes_tiles(TF_ShapeInferenceContext* context, TF_Status* status) {
  Shape maps(context, status), channels(context, status);
  maps.input(0, 4, 0, 3);
  channels.input(0, 4, 3, 4);
  const int64_t b = maps.dim(0), h = maps.dim(1), w = maps.dim(2);
  if (!maps.ok()) return;
  if (b < 0 || h < 0 || w < 0) return TF_ShapeInferenceContextSetUnknownShape(context, status);
  TF_ShapeHandle* planes = TF_ShapeInferenceContextVectorFromSize(context, kPlanes);
  TF_ShapeHandle* count = TF_ShapeInferenceContextVectorFromSize(context, static_cast<size_t>(Tiles<kDilation>(b, h, w).count));
  TF_ShapeInferenceContextConcatenateShapes(context, planes, count, maps.handle(), status);
  maps.set_with(channels.handle());
  TF_DeleteShapeHandle(planes);
  TF_DeleteShapeHandle(count);
}

void shapes_maps(TF_ShapeInferenceContext* context, TF_Status* status) {
  Shape maps(context, status), channels(context, status);
  channels.input(0, 3, 2, 3);
  maps.input(2, 4, 0, 3).set_with(channels.handle());
}

template <int kDilation>
void define_winograd(const char* input, const char* output) {
  define<WinogradInputKernel<kDilation>>({input, {"maps: float"}, {"tiles: float"}, {}, shapes_tiles<kDilation>, false});
  define<WinogradOutputKernel<kDilation>>(
      {output, {"products: float", "bias: float", "like: float"}, {"maps: float"}, {"is_relu: int"}, shapes_maps, false});
}

}  // namespace

void register_winograd_kernels() {
  define_winograd<1>("VisualbertWinogradInput", "VisualbertWinogradOutput");
  define_winograd<2>("VisualbertDilatedWinogradInput", "VisualbertDilatedWinogradOutput");
}

}  // namespace visualbert
