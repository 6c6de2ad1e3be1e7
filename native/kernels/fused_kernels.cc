// Operations of the layers for TensorFlow on the CPU: whole formulas in one pass over memory. All tensors are float32 unless said otherwise.
#include "kernels/fused_kernels.h"

#include <algorithm>
#include <vector>

#include "kernels/kernel.h"
#include "loops/fused_loops.h"

namespace visualbert {
namespace {

struct GeluKernel {
  explicit GeluKernel(Attributes) {}
  void run(Call& call) const {
    TF_Tensor* input = call.input(0);
    visit(input, [&](const auto* x) {
      auto* y = call.output<Element<decltype(x)>>(0, input);
      parallel_for(size_of(input), kGrain, [&](int64_t from, int64_t to, int) { gelu(x + from, y + from, to - from); });
    });
  }
};

struct GeluGradientKernel {
  explicit GeluGradientKernel(Attributes) {}
  void run(Call& call) const {
    TF_Tensor* input = call.input(0);
    visit(input, [&](const auto* dy) {
      using T = Element<decltype(dy)>;
      const T* x = static_cast<const T*>(TF_TensorData(call.sized(1, size_of(input))));
      T* dx = call.output<T>(0, input);
      parallel_for(size_of(input), kGrain, [&](int64_t from, int64_t to, int) { gelu_gradient(dy + from, x + from, dx + from, to - from); });
    });
  }
};

struct DropoutKernel {
  explicit DropoutKernel(Attributes a)
      : rate(a.number("rate")), scale(a.number("scale")), salt(static_cast<uint32_t>(a.integer("salt"))) {}

  void run(Call& call) const {
    TF_Tensor* input = call.input(0);
    const bool has_worker = size_of(call.input(1)) == 3;
    const int32_t* key = call.integers(1, has_worker ? 3 : 2);
    const int64_t before = has_worker ? key[2] * size_of(input) : 0;  // elements of the workers with lower numbers
    const Mask mask{static_cast<uint32_t>(key[0]), static_cast<uint32_t>(key[1]), salt, rate, scale};
    visit(input, [&](const auto* x) {
      auto* y = call.output<Element<decltype(x)>>(0, input, 0);
      parallel_for(size_of(input), kGrain, [&](int64_t from, int64_t to, int) { dropout(mask, x + from, y + from, before + from, to - from); });
    });
  }

  float rate, scale;
  uint32_t salt;
};

// Sums over the rows of a matrix. Threads split the columns, so that each sum is added in a fixed order.
struct ColumnSumsKernel {
  explicit ColumnSumsKernel(Attributes) {}
  void run(Call& call) const {
    TF_Tensor* input = call.input(0);
    const int64_t width = width_of(input), rows = size_of(input) / width;
    float* sums = call.shaped_output<float>(0, {width});
    std::fill_n(sums, width, 0.0f);
    visit(input, [&](const auto* x) {
      parallel_for(width, 256, [&](int64_t from, int64_t to, int) { column_sums(x + from, sums + from, rows, to - from, width); });
    });
  }
};

// Inputs x, weight, bias; or x, residual, weight, bias, and then x + residual as second output.
struct LayerNormKernel {
  explicit LayerNormKernel(Attributes a) : epsilon(a.number("epsilon")), with_residual(a.integer("with_residual") != 0) {}

  void run(Call& call) const {
    TF_Tensor* input = call.input(0);
    const int64_t width = width_of(input), rows = size_of(input) / width;
    const float* residual = with_residual ? call.data(1, size_of(input)) : nullptr;
    const float *weight = call.data(with_residual ? 2 : 1, width), *bias = call.data(with_residual ? 3 : 2, width);
    float *y = call.output(0, input), *total = with_residual ? call.output(1, input, 0) : nullptr;
    visit(input, [&](const auto* x) {
      parallel_for(rows, std::max<int64_t>(1, kGrain / width), [&](int64_t from, int64_t to, int) {
        std::vector<float> row(with_residual ? 0 : static_cast<size_t>(width));
        for (int64_t i = from; i < to; ++i) {
          const int64_t skip = i * width;
          layer_norm(x + skip, with_residual ? residual + skip : nullptr, weight, bias, epsilon, y + skip,
                     with_residual ? total + skip : row.data(), 1, width);
        }
      });
    });
  }

  float epsilon;
  bool with_residual;
};

// Inputs dy, total, weight; outputs for total, weight, bias.
struct LayerNormGradientKernel {
  explicit LayerNormGradientKernel(Attributes a) : epsilon(a.number("epsilon")) {}

  // Rows are summed in blocks of fixed size and the blocks in order: the same result for any number of threads.
  void run(Call& call) const {
    constexpr int64_t kBlock = 32;
    TF_Tensor *input = call.input(0), *scale = call.input(2);
    const int64_t width = width_of(input), rows = size_of(input) / width, blocks = (rows + kBlock - 1) / kBlock;
    const float *dy = call.data(0, rows * width), *total = call.data(1, rows * width), *weight = call.data(2, width);
    float *dx = call.output(0, input), *dweight = call.output(1, scale), *dbias = call.output(2, scale);
    std::vector<float> sums(static_cast<size_t>(2 * blocks * width), 0.0f);
    parallel_for(blocks, 1, [&](int64_t from, int64_t to, int) {
      for (int64_t block = from; block < to; ++block) {
        const int64_t first = block * kBlock;
        float* sum = sums.data() + 2 * block * width;
        layer_norm_gradient(dy + first * width, total + first * width, weight, epsilon, dx + first * width, sum, sum + width,
                            std::min(kBlock, rows - first), width);
      }
    });
    std::fill_n(dweight, width, 0.0f);
    std::fill_n(dbias, width, 0.0f);
    for (int64_t block = 0; block < blocks; ++block) {
      const float* sum = sums.data() + 2 * block * width;
      for (int64_t i = 0; i < width; ++i) dweight[i] += sum[i];
      for (int64_t i = 0; i < width; ++i) dbias[i] += sum[width + i];
    }
  }

  float epsilon;
};

// scores [b, n, q, s], and a bias [b, 1, 1, s] unless it is empty.
struct SoftmaxKernel {
  explicit SoftmaxKernel(Attributes a) : scale(a.number("scale")) {}

  void run(Call& call) const {
    TF_Tensor *input = call.input(0), *added = call.input(1);
    const int64_t width = width_of(input), rows = size_of(input) / width, batch = TF_Dim(input, 0);
    const float *x = call.data(0, rows * width), *bias = size_of(added) == 0 ? nullptr : call.data(1, batch * width);
    float* y = call.output(0, input, 0);
    const int64_t rows_of_example = rows / std::max<int64_t>(1, batch);
    parallel_for(rows, std::max<int64_t>(1, kGrain / width), [&](int64_t from, int64_t to, int) {
      for (int64_t row = from; row < to; ++row) {
        softmax_row(x + row * width, bias == nullptr ? nullptr : bias + row / rows_of_example * width, scale, y + row * width, width);
      }
    });
  }

  float scale;
};

struct SoftmaxGradientKernel {
  explicit SoftmaxGradientKernel(Attributes a) : scale(a.number("scale")) {}

  void run(Call& call) const {
    TF_Tensor* input = call.input(0);
    const int64_t width = width_of(input), rows = size_of(input) / width;
    const float *dy = call.data(0, rows * width), *y = call.data(1, rows * width);
    float* dx = call.output(0, input, 0);
    parallel_for(rows, std::max<int64_t>(1, kGrain / width), [&](int64_t from, int64_t to, int) {
      for (int64_t row = from; row < to; ++row) softmax_gradient_row(dy + row * width, y + row * width, scale, dx + row * width, width);
    });
  }

  float scale;
};

void shapes_norm(Shapes& shapes) {
  for (int output : {0, 1}) shapes.set(output, shapes.input(0));
}
void shapes_norm_gradient(Shapes& shapes) {
  shapes.set(0, shapes.input(0));
  for (int output : {1, 2}) shapes.set(output, shapes.input(2));
}
void shapes_columns(Shapes& shapes) { shapes.set(0, shapes.axes(0, 1, 2)); }

}  // namespace

void register_fused_kernels() {
  register_optimizer_kernels();
  register_region_kernels();
  register_winograd_kernels();
  register_packed_kernels();
  register_file_kernels();
  define<ColumnSumsKernel, shapes_columns>({"VisualbertColumnSums", {"x: T"}, {"sums: float"}, {kFloats}, false});
  define<GeluKernel, shapes_first>({"VisualbertGelu", {"x: T"}, {"y: T"}, {kFloats}, false});
  define<GeluGradientKernel, shapes_first>({"VisualbertGeluGrad", {"dy: T", "x: T"}, {"dx: T"}, {kFloats}, false});
  define<DropoutKernel, shapes_first>(
      {"VisualbertDropout", {"x: T", "key: int32"}, {"y: T"}, {kFloats, "rate: float", "scale: float", "salt: int"}, false});
  define<LayerNormKernel, shapes_first>(
      {"VisualbertLayerNorm", {"x: T", "weight: float", "bias: float"}, {"y: float"}, {kFloats, "epsilon: float", "with_residual: int = 0"}, false});
  define<LayerNormKernel, shapes_norm>({
      "VisualbertAddLayerNorm",
      {"x: T", "residual: float", "weight: float", "bias: float"},
      {"y: float", "total: float"},
      {kFloats, "epsilon: float", "with_residual: int = 1"},
      false});
  define<LayerNormGradientKernel, shapes_norm_gradient>({
      "VisualbertLayerNormGrad",
      {"dy: float", "total: float", "weight: float"},
      {"dtotal: float", "dweight: float", "dbias: float"},
      {"epsilon: float"},
      false});
  define<SoftmaxKernel, shapes_first>({"VisualbertSoftmax", {"scores: float", "bias: float"}, {"y: float"}, {"scale: float"}, false});
  define<SoftmaxGradientKernel, shapes_first>({"VisualbertSoftmaxGrad", {"dy: float", "y: float"}, {"dscores: float"}, {"scale: float"}, false});
}

}  // namespace visualbert
