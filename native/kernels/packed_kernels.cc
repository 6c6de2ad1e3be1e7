// Operations of prediction for TensorFlow on the CPU: products with matrices that were packed once, and attention in one kernel.
#include <algorithm>
#include <stdexcept>

#include "kernels/fused_kernels.h"
#include "kernels/kernel.h"
#include "loops/attention_loops.h"
#include "loops/packed_matrix.h"
#include "loops/packed_product.h"

namespace visualbert {
namespace {

PackedMatrix packed_input(Call& call, int index) {
  TF_Tensor* tensor = call.input(index);
  return packed_matrix(static_cast<const uint8_t*>(TF_TensorData(tensor)), TF_TensorByteSize(tensor));
}

// Packs a matrix [rows, depth] into bytes.
struct PackKernel {
  explicit PackKernel(Attributes a) : packing(static_cast<Packing>(a.integer("packing"))) {}
  void run(Call& call) const {
    TF_Tensor* input = call.input(0);
    if (TF_NumDims(input) != 2) throw std::runtime_error("expected a matrix");
    const int64_t rows = TF_Dim(input, 0), depth = TF_Dim(input, 1);
    const size_t size = packed_bytes(packing, rows, depth);
    uint8_t* bytes = call.shaped_output<uint8_t>(0, {static_cast<int64_t>(size)});
    pack_header(packing, rows, depth, bytes);
    const PackedMatrix packed = packed_matrix(bytes, size);
    const float* matrix = call.data(0, rows * depth);
    parallel_for(packed.count(), 1, [&](int64_t from, int64_t to, int) {
      for (int64_t index = from; index < to; ++index) pack_panel(packed, matrix + index * kPanel * depth, index);
    });
  }
  Packing packing;
};

struct UnpackKernel {
  explicit UnpackKernel(Attributes) {}
  void run(Call& call) const {
    const PackedMatrix matrix = packed_input(call, 0);
    unpack(matrix, call.shaped_output<float>(0, {matrix.rows, matrix.depth}));
  }
};

// x [m, depth], packed [rows, depth], bias [rows] to y [m, rows].
struct PackedProductKernel {
  explicit PackedProductKernel(Attributes a) : with_gelu(a.integer("gelu") != 0) {}
  void run(Call& call) const {
    TF_Tensor* input = call.input(0);
    const PackedMatrix matrix = packed_input(call, 1);
    if (TF_NumDims(input) != 2 || TF_Dim(input, 1) != matrix.depth) throw std::runtime_error("expected a matrix with as many columns as the packed one");
    const int64_t count = TF_Dim(input, 0);
    const float *x = call.data(0, count * matrix.depth), *bias = call.data(2, matrix.rows);
    float* y = call.shaped_output<float>(0, {count, matrix.rows});
    ProductRows rows(matrix, x, count);
    if (!rows.are_made()) {
      parallel_for(count, std::max<int64_t>(1, kGrain / std::max<int64_t>(1, matrix.depth)),
            [&](int64_t from, int64_t to, int) { rows.make(from, to); });
    }
    const Product product{matrix, rows, bias, with_gelu, y};
    parallel_for(product.part_count(), 1, [&](int64_t from, int64_t to, int) { multiply(product, from, to); });
  }
  bool with_gelu;
};

// queries [b, q, n, d], keys and values [b, s, n, d], a bias [b, 1, 1, s] unless it is empty, to [b, q, n, d].
struct AttentionKernel {
  explicit AttentionKernel(Attributes a) : scale(a.number("scale")) {}
  void run(Call& call) const {
    TF_Tensor *input = call.input(0), *second = call.input(1), *added = call.input(3);
    if (TF_NumDims(input) != 4 || TF_NumDims(second) != 4) throw std::runtime_error("expected heads [b, s, n, d]");
    const int64_t b = TF_Dim(input, 0), q = TF_Dim(input, 1), n = TF_Dim(input, 2), d = TF_Dim(input, 3), s = TF_Dim(second, 1);
    const float *queries = call.data(0, b * q * n * d), *keys = call.data(1, b * s * n * d), *values = call.data(2, b * s * n * d);
    const float* bias = size_of(added) == 0 ? nullptr : call.data(3, b * s);
    float* result = call.output(0, input);
    parallel_for(b * n, 1, [&](int64_t from, int64_t to, int) {
      for (int64_t i = from; i < to; ++i) {
        const int64_t example = i / n, first = i % n * d, at_query = example * q * n * d + first, at_key = example * s * n * d + first;
        attend({queries + at_query, keys + at_key, values + at_key, bias == nullptr ? nullptr : bias + example * s, result + at_query, q, s, d,
                n * d, scale});
      }
    });
  }
  float scale;
};

// Rows of the first input, columns of the third.
void shapes_product(Shapes& shapes) { shapes.set(0, shapes.joined({shapes.axes(0, 0, 1), shapes.input(2)})); }

}  // namespace

void register_packed_kernels() {
  define<PackKernel, shapes_none>({"VisualbertPack", {"matrix: float"}, {"packed: uint8"}, {"packing: int"}, false});
  define<UnpackKernel, shapes_none>({"VisualbertUnpack", {"packed: uint8"}, {"matrix: float"}, {}, false});
  define<PackedProductKernel, shapes_product>(
      {"VisualbertPackedProduct", {"x: float", "packed: uint8", "bias: float"}, {"y: float"}, {"gelu: int"}, false});
  define<AttentionKernel, shapes_first>(
      {"VisualbertAttention", {"queries: float", "keys: float", "values: float", "bias: float"}, {"y: float"}, {"scale: float"}, false});
}

}  // namespace visualbert
