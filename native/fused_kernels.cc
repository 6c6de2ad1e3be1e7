// Operations of our own for TensorFlow on the CPU: whole formulas in one pass over memory. All tensors are float32 unless said otherwise.
#include "fused_kernels.h"

#include <tensorflow/c/kernels.h>
#include <tensorflow/c/ops.h>

#include <algorithm>
#include <cmath>
#include <initializer_list>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <vector>

#include "fused_loops.h"
#include "napi_util.h"
#include "parallel.h"

namespace visualbert {
namespace {

constexpr const char* kFloats = "T: {float, bfloat16}";
constexpr int64_t kGrain = 4096;  // elements below which a loop is not worth sharing

// One call of a kernel: its inputs and outputs, freed at the end.
class Call {
 public:
  explicit Call(TF_OpKernelContext* context) : context_(context) {}
  ~Call() {
    for (TF_Tensor* tensor : tensors_) TF_DeleteTensor(tensor);
  }

  TF_Tensor* input(int index) {
    TF_Tensor* tensor = nullptr;
    TF_GetInput(context_, index, &tensor, status_);
    return keep(tensor);
  }
  // Input data; the fused update writes into its variables.
  float* data(int index) { return static_cast<float*>(TF_TensorData(input(index))); }
  float scalar(int index) { return *data(index); }

  // An output shaped like `like`; takes the memory of the input `reusable`, if it is not -1 and nobody else needs it.
  template <typename T = float>
  T* output(int index, TF_Tensor* like, int reusable = -1) {
    std::vector<int64_t> shape = shape_of(like);
    const int rank = static_cast<int>(shape.size());
    TF_Tensor* tensor = nullptr;
    if (reusable >= 0) {
      tensor = TF_ForwardInputOrAllocateOutput(context_, &reusable, 1, index, shape.data(), rank, nullptr, status_);
    } else {
      const TF_DataType dtype = sizeof(T) == sizeof(float) ? TF_FLOAT : TF_BFLOAT16;
      const size_t bytes = static_cast<size_t>(TF_TensorElementCount(like)) * sizeof(T);
      tensor = TF_AllocateOutput(context_, index, dtype, shape.data(), rank, bytes, status_);
    }
    return static_cast<T*>(TF_TensorData(keep(tensor)));
  }
  float* vector_output(int index, int64_t width) {
    const size_t bytes = static_cast<size_t>(width) * sizeof(float);
    return static_cast<float*>(TF_TensorData(keep(TF_AllocateOutput(context_, index, TF_FLOAT, &width, 1, bytes, status_))));
  }
  float* scalar_output(int index) {
    return static_cast<float*>(TF_TensorData(keep(TF_AllocateOutput(context_, index, TF_FLOAT, nullptr, 0, sizeof(float), status_))));
  }

  static std::vector<int64_t> shape_of(TF_Tensor* tensor) {
    std::vector<int64_t> shape;
    for (int axis = 0; axis < TF_NumDims(tensor); ++axis) shape.push_back(TF_Dim(tensor, axis));
    return shape;
  }

 private:
  TF_Tensor* keep(TF_Tensor* tensor) {
    status_.check();
    tensors_.push_back(tensor);
    return tensor;
  }

  TF_OpKernelContext* context_;
  Status status_;
  std::vector<TF_Tensor*> tensors_;
};

int64_t size_of(TF_Tensor* tensor) { return TF_TensorElementCount(tensor); }
int64_t width_of(TF_Tensor* tensor) { return TF_Dim(tensor, TF_NumDims(tensor) - 1); }

// Float and integer attributes of one node, read when TensorFlow makes its kernel.
class Attributes {
 public:
  explicit Attributes(TF_OpKernelConstruction* construction) : construction_(construction) {}
  float number(const char* name) {
    float value = 0;
    TF_OpKernelConstruction_GetAttrFloat(construction_, name, &value, status_);
    return value;
  }
  int64_t integer(const char* name) {
    int64_t value = 0;
    TF_OpKernelConstruction_GetAttrInt64(construction_, name, &value, status_);
    return value;
  }

 private:
  TF_OpKernelConstruction* construction_;
  Status status_;
};

template <typename Loop>
void share(int64_t count, int64_t grain, Loop loop) {
  Team::instance().run(count, grain, [&](int64_t first, int64_t last, int member) { loop(first, last, member); });
}

// Calls with the data of a float32 or bfloat16 tensor.
template <typename Visit>
void visit(TF_Tensor* tensor, Visit visitor) {
  if (TF_TensorType(tensor) == TF_BFLOAT16) {
    visitor(static_cast<const uint16_t*>(TF_TensorData(tensor)));
  } else {
    visitor(static_cast<const float*>(TF_TensorData(tensor)));
  }
}

struct AdamWKernel {
  explicit AdamWKernel(Attributes a)
      : share1(a.number("share1")), share2(a.number("share2")), epsilon(a.number("epsilon")), decay(a.number("decay")),
        rate_factor(a.number("rate_factor")), max_norm(a.number("max_norm")), skip_non_finite(a.integer("skip_non_finite") != 0) {}

  // parameter, first, second: read from their variables, whose memory this writes. The recording sees to it that nobody else needs the old values.
  void run(Call& call) const {
    const float norm = call.scalar(4);
    if (skip_non_finite && !std::isfinite(norm)) return;
    const float rate = call.scalar(5) * rate_factor;
    const float clip = max_norm / (norm + 1e-6f);  // torch's constant
    const AdamW options{share1, share2, epsilon, rate, 1.0f - rate * decay, call.scalar(6), call.scalar(7), clip < 1.0f ? clip : 1.0f};
    float *parameter = call.data(0), *first = call.data(1), *second = call.data(2);
    visit(call.input(3), [&](const auto* gradient) {
      share(size_of(call.input(0)), kGrain, [&](int64_t from, int64_t to, int) {
        adamw(options, parameter + from, first + from, second + from, gradient + from, to - from);
      });
    });
  }

  float share1, share2, epsilon, decay, rate_factor, max_norm;
  bool skip_non_finite;
};

struct SumOfSquaresKernel {
  explicit SumOfSquaresKernel(Attributes) {}

  // Pieces of a fixed size are added in order, so that the result does not depend on the number of threads.
  void run(Call& call) const {
    constexpr int64_t kPiece = 1 << 14;
    const int64_t count = size_of(call.input(0));
    std::vector<double> sums(static_cast<size_t>((count + kPiece - 1) / kPiece));
    visit(call.input(0), [&](const auto* x) {
      share(static_cast<int64_t>(sums.size()), 4, [&](int64_t from, int64_t to, int) {
        for (int64_t i = from; i < to; ++i) sums[static_cast<size_t>(i)] = sum_of_squares(x + i * kPiece, std::min(kPiece, count - i * kPiece));
      });
    });
    double sum = 0;
    for (double piece : sums) sum += piece;
    *call.scalar_output(0) = static_cast<float>(sum);
  }
};

// The element type behind a pointer to const.
template <typename Pointer>
using Element = std::remove_const_t<std::remove_pointer_t<Pointer>>;

struct GeluKernel {
  explicit GeluKernel(Attributes) {}
  void run(Call& call) const {
    TF_Tensor* input = call.input(0);
    visit(input, [&](const auto* x) {
      auto* y = call.output<Element<decltype(x)>>(0, input);
      share(size_of(input), kGrain, [&](int64_t from, int64_t to, int) { gelu(x + from, y + from, to - from); });
    });
  }
};

struct GeluGradientKernel {
  explicit GeluGradientKernel(Attributes) {}
  void run(Call& call) const {
    TF_Tensor* input = call.input(0);
    visit(input, [&](const auto* dy) {
      using T = Element<decltype(dy)>;
      const T* x = static_cast<const T*>(TF_TensorData(call.input(1)));
      T* dx = call.output<T>(0, input);
      share(size_of(input), kGrain, [&](int64_t from, int64_t to, int) { gelu_gradient(dy + from, x + from, dx + from, to - from); });
    });
  }
};

struct DropoutKernel {
  explicit DropoutKernel(Attributes a)
      : rate(a.number("rate")), scale(a.number("scale")), salt(static_cast<uint32_t>(a.integer("salt"))) {}

  void run(Call& call) const {
    TF_Tensor* input = call.input(0);
    const int32_t* key = reinterpret_cast<const int32_t*>(call.data(1));
    const Mask mask{static_cast<uint32_t>(key[0]), static_cast<uint32_t>(key[1]), salt, rate, scale};
    visit(input, [&](const auto* x) {
      auto* y = call.output<Element<decltype(x)>>(0, input, 0);
      share(size_of(input), kGrain, [&](int64_t from, int64_t to, int) { dropout(mask, x + from, y + from, from, to - from); });
    });
  }

  float rate, scale;
  uint32_t salt;
};

// Sums over the rows of a matrix. Members share the columns, so that each sum has one order.
struct ColumnSumsKernel {
  explicit ColumnSumsKernel(Attributes) {}
  void run(Call& call) const {
    TF_Tensor* input = call.input(0);
    const int64_t rows = TF_Dim(input, 0), width = TF_Dim(input, 1);
    float* sums = call.vector_output(0, width);
    std::fill_n(sums, width, 0.0f);
    visit(input, [&](const auto* x) {
      share(width, 256, [&](int64_t from, int64_t to, int) { column_sums(x + from, sums + from, rows, to - from, width); });
    });
  }
};

// Inputs x, weight, bias; or x, residual, weight, bias, and then x + residual as second output.
struct LayerNormKernel {
  explicit LayerNormKernel(Attributes a) : epsilon(a.number("epsilon")), with_residual(a.integer("with_residual") != 0) {}

  void run(Call& call) const {
    TF_Tensor* input = call.input(0);
    const int64_t width = width_of(input), rows = size_of(input) / width;
    const float* residual = with_residual ? call.data(1) : nullptr;
    const float *weight = call.data(with_residual ? 2 : 1), *bias = call.data(with_residual ? 3 : 2);
    float *y = call.output(0, input), *total = with_residual ? call.output(1, input) : nullptr;
    visit(input, [&](const auto* x) {
      share(rows, std::max<int64_t>(1, kGrain / width), [&](int64_t from, int64_t to, int) {
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
    const float *dy = call.data(0), *total = call.data(1), *weight = call.data(2);
    float *dx = call.output(0, input), *dweight = call.output(1, scale), *dbias = call.output(2, scale);
    std::vector<float> sums(static_cast<size_t>(2 * blocks * width), 0.0f);
    share(blocks, 1, [&](int64_t from, int64_t to, int) {
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
    const float *x = call.data(0), *bias = size_of(added) == 0 ? nullptr : call.data(1);
    float* y = call.output(0, input, 0);
    const int64_t rows_of_example = rows / std::max<int64_t>(1, batch);
    share(rows, std::max<int64_t>(1, kGrain / width), [&](int64_t from, int64_t to, int) {
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
    const float *dy = call.data(0), *y = call.data(1);
    float* dx = call.output(0, input, 0);
    share(rows, std::max<int64_t>(1, kGrain / width), [&](int64_t from, int64_t to, int) {
      for (int64_t row = from; row < to; ++row) softmax_gradient_row(dy + row * width, y + row * width, scale, dx + row * width, width);
    });
  }

  float scale;
};

// Sets output `index` to the shape of input `source`.
void copy_shape(TF_ShapeInferenceContext* context, int index, int source, TF_Status* status) {
  TF_ShapeHandle* shape = TF_NewShapeHandle();
  TF_ShapeInferenceContextGetInput(context, source, shape, status);
  if (TF_GetCode(status) == TF_OK) TF_ShapeInferenceContextSetOutput(context, index, shape, status);
  TF_DeleteShapeHandle(shape);
}

void shapes_none(TF_ShapeInferenceContext*, TF_Status*) {}
void shapes_scalar(TF_ShapeInferenceContext* context, TF_Status* status) {
  TF_ShapeHandle* shape = TF_ShapeInferenceContextScalar(context);
  TF_ShapeInferenceContextSetOutput(context, 0, shape, status);
  TF_DeleteShapeHandle(shape);
}
void shapes_first(TF_ShapeInferenceContext* context, TF_Status* status) { copy_shape(context, 0, 0, status); }
void shapes_norm(TF_ShapeInferenceContext* context, TF_Status* status) {
  copy_shape(context, 0, 0, status);
  copy_shape(context, 1, 0, status);
}
void shapes_norm_gradient(TF_ShapeInferenceContext* context, TF_Status* status) {
  copy_shape(context, 0, 0, status);
  copy_shape(context, 1, 2, status);
  copy_shape(context, 2, 2, status);
}

void shapes_columns(TF_ShapeInferenceContext* context, TF_Status* status) {
  TF_ShapeHandle *shape = TF_NewShapeHandle(), *columns = TF_NewShapeHandle();
  TF_ShapeInferenceContextGetInput(context, 0, shape, status);
  if (TF_GetCode(status) == TF_OK) TF_ShapeInferenceContextSubshape(context, shape, 1, 2, columns, status);
  if (TF_GetCode(status) == TF_OK) TF_ShapeInferenceContextSetOutput(context, 0, columns, status);
  TF_DeleteShapeHandle(columns);
  TF_DeleteShapeHandle(shape);
}

struct Definition {
  const char* name;
  std::initializer_list<const char*> inputs, outputs, attributes;
  void (*shapes)(TF_ShapeInferenceContext*, TF_Status*);
  bool stateful;
};

template <typename Kernel>
void* create(TF_OpKernelConstruction* construction) {
  return new Kernel(Attributes(construction));
}

template <typename Kernel>
void compute(void* kernel, TF_OpKernelContext* context) {
  try {
    Call call(context);
    static_cast<const Kernel*>(kernel)->run(call);
  } catch (const std::exception& error) {
    Status status;
    TF_SetStatus(status, TF_INTERNAL, error.what());
    TF_OpKernelContext_Failure(context, status);
  }
}

template <typename Kernel>
void destroy(void* kernel) {
  delete static_cast<Kernel*>(kernel);
}

template <typename Kernel>
void define(const Definition& definition) {
  Status status;
  TF_OpDefinitionBuilder* builder = TF_NewOpDefinitionBuilder(definition.name);
  for (const char* input : definition.inputs) TF_OpDefinitionBuilderAddInput(builder, input);
  for (const char* output : definition.outputs) TF_OpDefinitionBuilderAddOutput(builder, output);
  for (const char* attribute : definition.attributes) TF_OpDefinitionBuilderAddAttr(builder, attribute);
  TF_OpDefinitionBuilderSetShapeInferenceFunction(builder, definition.shapes);
  if (definition.stateful) TF_OpDefinitionBuilderSetIsStateful(builder, true);  // it takes false for true
  TF_RegisterOpDefinition(builder, status);
  status.check();
  TF_KernelBuilder* kernel = TF_NewKernelBuilder(definition.name, "CPU", create<Kernel>, compute<Kernel>, destroy<Kernel>);
  TF_RegisterKernelBuilder(definition.name, kernel, status);
  status.check();
}

}  // namespace

void register_fused_kernels() {
  static std::once_flag once;
  std::call_once(once, [] {
    define<AdamWKernel>({"VisualbertAdamW",
                         {"parameter: float", "first: float", "second: float", "gradient: T", "norm: float", "rate: float",
                          "first_correction: float", "second_correction: float"},
                         {},
                         {kFloats, "share1: float", "share2: float", "epsilon: float", "decay: float", "rate_factor: float", "max_norm: float",
                          "skip_non_finite: int"},
                         shapes_none,
                         true});
    define<SumOfSquaresKernel>({"VisualbertSumOfSquares", {"x: T"}, {"sum: float"}, {kFloats}, shapes_scalar, false});
    define<ColumnSumsKernel>({"VisualbertColumnSums", {"x: T"}, {"sums: float"}, {kFloats}, shapes_columns, false});
    define<GeluKernel>({"VisualbertGelu", {"x: T"}, {"y: T"}, {kFloats}, shapes_first, false});
    define<GeluGradientKernel>({"VisualbertGeluGrad", {"dy: T", "x: T"}, {"dx: T"}, {kFloats}, shapes_first, false});
    define<DropoutKernel>({"VisualbertDropout",
                           {"x: T", "key: int32"},
                           {"y: T"},
                           {kFloats, "rate: float", "scale: float", "salt: int"},
                           shapes_first,
                           false});
    define<LayerNormKernel>({"VisualbertLayerNorm",
                             {"x: T", "weight: float", "bias: float"},
                             {"y: float"},
                             {kFloats, "epsilon: float", "with_residual: int = 0"},
                             shapes_first,
                             false});
    define<LayerNormKernel>({"VisualbertAddLayerNorm",
                             {"x: T", "residual: float", "weight: float", "bias: float"},
                             {"y: float", "total: float"},
                             {kFloats, "epsilon: float", "with_residual: int = 1"},
                             shapes_norm,
                             false});
    define<LayerNormGradientKernel>({"VisualbertLayerNormGrad",
                                     {"dy: float", "total: float", "weight: float"},
                                     {"dtotal: float", "dweight: float", "dbias: float"},
                                     {"epsilon: float"},
                                     shapes_norm_gradient,
                                     false});
    define<SoftmaxKernel>({"VisualbertSoftmax", {"scores: float", "bias: float"}, {"y: float"}, {"scale: float"}, shapes_first, false});
    define<SoftmaxGradientKernel>(
        {"VisualbertSoftmaxGrad", {"dy: float", "y: float"}, {"dscores: float"}, {"scale: float"}, shapes_first, false});
  });
}

}  // namespace visualbert
