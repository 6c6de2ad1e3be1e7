// Shapes of outputs, as TensorFlow asks for them when an operation is added to a graph.
#ifndef VISUALBERT_SHAPES_H_
#define VISUALBERT_SHAPES_H_

#include <tensorflow/c/ops.h>

#include <cstdint>
#include <initializer_list>
#include <vector>

namespace visualbert {

// The shapes of one operation. After a failure, which `status` holds, every call does nothing.
class Shapes {
 public:
  Shapes(TF_ShapeInferenceContext* context, TF_Status* status) : context_(context), status_(status) {}
  ~Shapes() {
    for (TF_ShapeHandle* shape : shapes_) TF_DeleteShapeHandle(shape);
  }
  Shapes(const Shapes&) = delete;
  Shapes& operator=(const Shapes&) = delete;

  bool ok() const { return TF_GetCode(status_) == TF_OK; }

  int input_count() const { return static_cast<int>(TF_ShapeInferenceContextNumInputs(context_)); }

  // An input's shape.
  TF_ShapeHandle* input(int index) {
    TF_ShapeHandle* shape = keep(TF_NewShapeHandle());
    if (ok()) TF_ShapeInferenceContextGetInput(context_, index, shape, status_);
    return shape;
  }
  // Axes of an input, which must have `rank` of them unless it is -1.
  TF_ShapeHandle* axes(int index, int64_t from, int64_t to, int64_t rank = -1) {
    TF_ShapeHandle* shape = input(index);
    if (ok() && rank >= 0) TF_ShapeInferenceContextWithRank(context_, shape, rank, shape, status_);
    if (ok()) TF_ShapeInferenceContextSubshape(context_, shape, from, to, shape, status_);
    return shape;
  }
  TF_ShapeHandle* scalar() { return keep(TF_ShapeInferenceContextScalar(context_)); }
  TF_ShapeHandle* vector(int64_t size) { return keep(TF_ShapeInferenceContextVectorFromSize(context_, static_cast<size_t>(size))); }
  TF_ShapeHandle* joined(std::initializer_list<TF_ShapeHandle*> parts) {
    TF_ShapeHandle* shape = scalar();
    for (TF_ShapeHandle* part : parts) {
      if (ok()) TF_ShapeInferenceContextConcatenateShapes(context_, shape, part, shape, status_);
    }
    return shape;
  }

  // The size of an axis; -1 when it is unknown.
  int64_t size(TF_ShapeHandle* shape, int64_t axis) {
    TF_DimensionHandle* dimension = TF_NewDimensionHandle();
    if (ok()) TF_ShapeInferenceContextDim(context_, shape, axis, dimension);
    const int64_t size = ok() ? TF_DimensionHandleValue(dimension) : -1;
    TF_DeleteDimensionHandle(dimension);
    return size;
  }

  void set(int output, TF_ShapeHandle* shape) {
    if (ok()) TF_ShapeInferenceContextSetOutput(context_, output, shape, status_);
  }
  void set_unknown() {
    if (ok()) TF_ShapeInferenceContextSetUnknownShape(context_, status_);
  }

 private:
  TF_ShapeHandle* keep(TF_ShapeHandle* shape) {
    shapes_.push_back(shape);
    return shape;
  }

  TF_ShapeInferenceContext* context_;
  TF_Status* status_;
  std::vector<TF_ShapeHandle*> shapes_;
};

// Calls set(Shapes&) with the shapes of an operation: the form that TensorFlow takes.
template <void (*set)(Shapes&)>
void infer(TF_ShapeInferenceContext* context, TF_Status* status) {
  Shapes shapes(context, status);
  set(shapes);
}

inline void shapes_none(Shapes&) {}
inline void shapes_scalar(Shapes& shapes) { shapes.set(0, shapes.scalar()); }
inline void shapes_first(Shapes& shapes) { shapes.set(0, shapes.input(0)); }

}  // namespace visualbert

#endif  // VISUALBERT_SHAPES_H_
