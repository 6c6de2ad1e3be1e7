// What the kernels share: access to TensorFlow's tensors and attributes, and the definition of an operation with its kernel.
#ifndef VISUALBERT_KERNEL_H_
#define VISUALBERT_KERNEL_H_

#include <tensorflow/c/kernels.h>
#include <tensorflow/c/ops.h>

#include <cstdint>
#include <exception>
#include <initializer_list>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <vector>

#include "kernels/shapes.h"
#include "parallel.h"
#include "status.h"

namespace visualbert {

inline int64_t size_of(TF_Tensor* tensor) { return TF_TensorElementCount(tensor); }

// Size of the last axis. Throws when there is none, or it is 0: kernels divide by it.
inline int64_t width_of(TF_Tensor* tensor) {
  const int rank = TF_NumDims(tensor);
  const int64_t width = rank == 0 ? 0 : TF_Dim(tensor, rank - 1);
  if (width == 0) throw std::runtime_error("expected a tensor whose last axis is longer than 0");
  return width;
}

constexpr const char* kFloats = "T: {float, bfloat16}";
constexpr int64_t kGrain = 4096;  // a loop over fewer elements is not worth splitting

// The dtype of an element: uint16_t holds a bfloat16.
template <typename T>
constexpr TF_DataType dtype_of() {
  return sizeof(T) == sizeof(float) ? TF_FLOAT : sizeof(T) == sizeof(uint16_t) ? TF_BFLOAT16 : TF_UINT8;
}

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
  // Data of an input that must have `size` elements, since kernels read by count; the fused update writes into its variables.
  float* data(int index, int64_t size) { return static_cast<float*>(TF_TensorData(sized(index, size))); }
  float scalar(int index) { return *data(index, 1); }
  const int32_t* integers(int index, int64_t size) { return static_cast<const int32_t*>(TF_TensorData(sized(index, size))); }

  // An input that must have `size` elements.
  TF_Tensor* sized(int index, int64_t size) {
    TF_Tensor* tensor = input(index);
    if (size_of(tensor) == size) return tensor;
    throw std::runtime_error("input " + std::to_string(index) + ": expected " + std::to_string(size) + " elements, received " +
                             std::to_string(size_of(tensor)));
  }

  // An output shaped like `like`; reuses the memory of the input `reusable`, if it is not -1 and no other operation needs it.
  template <typename T = float>
  T* output(int index, TF_Tensor* like, int reusable = -1) {
    const std::vector<int64_t> shape = shape_of(like);
    if (reusable < 0) return shaped_output<T>(index, shape);
    TF_Tensor* tensor =
        TF_ForwardInputOrAllocateOutput(context_, &reusable, 1, index, shape.data(), static_cast<int>(shape.size()), nullptr, status_);
    return static_cast<T*>(TF_TensorData(keep(tensor)));
  }
  template <typename T>
  T* shaped_output(int index, const std::vector<int64_t>& shape) {
    size_t elements = 1;
    for (int64_t size : shape) elements *= static_cast<size_t>(size);
    const int rank = static_cast<int>(shape.size());
    TF_Tensor* tensor = TF_AllocateOutput(context_, index, dtype_of<T>(), shape.data(), rank, elements * sizeof(T), status_);
    return static_cast<T*>(TF_TensorData(keep(tensor)));
  }

  // Sets an existing tensor as an output.
  void set_output(int index, TF_Tensor* tensor) {
    TF_SetOutput(context_, index, tensor, status_);
    status_.check();
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

// Float and integer attributes of one node, read when TensorFlow creates its kernel.
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
void parallel_for(int64_t count, int64_t grain, Loop loop) {
  ThreadPool::instance().run(count, grain, [&](int64_t first, int64_t last, int thread) { loop(first, last, thread); });
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

// The element type of a pointer to const.
template <typename Pointer>
using Element = std::remove_const_t<std::remove_pointer_t<Pointer>>;

struct Definition {
  const char* name;
  std::initializer_list<const char*> inputs, outputs, attributes;
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

// Registers a kernel for a device ("CPU", "GPU"); the named arguments stay in host memory.
template <typename Kernel>
void define_kernel(const char* name, const char* device, std::initializer_list<const char*> on_host = {}) {
  Status status;
  TF_KernelBuilder* kernel = TF_NewKernelBuilder(name, device, create<Kernel>, compute<Kernel>, destroy<Kernel>);
  for (const char* argument : on_host) TF_KernelBuilder_HostMemory(kernel, argument);
  TF_RegisterKernelBuilder(name, kernel, status);
  status.check();
}

// Registers an operation and its kernel for the CPU; `shapes` sets the shapes of its outputs.
template <typename Kernel, void (*shapes)(Shapes&)>
void define(const Definition& definition) {
  Status status;
  TF_OpDefinitionBuilder* builder = TF_NewOpDefinitionBuilder(definition.name);
  for (const char* input : definition.inputs) TF_OpDefinitionBuilderAddInput(builder, input);
  for (const char* output : definition.outputs) TF_OpDefinitionBuilderAddOutput(builder, output);
  for (const char* attribute : definition.attributes) TF_OpDefinitionBuilderAddAttr(builder, attribute);
  TF_OpDefinitionBuilderSetShapeInferenceFunction(builder, infer<shapes>);
  if (definition.stateful) TF_OpDefinitionBuilderSetIsStateful(builder, true);  // it takes false for true
  TF_RegisterOpDefinition(builder, status);
  status.check();
  define_kernel<Kernel>(definition.name, "CPU");
}

}  // namespace visualbert

#endif  // VISUALBERT_KERNEL_H_
