// Operations of prediction for TensorFlow on the CPU: products with matrices that were packed once, and attention in one kernel.
#include <algorithm>
#include <functional>
#include <stdexcept>
#include <vector>

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

// The threads share the parts of all products.
void multiply_all(const std::vector<Product>& products) {
  int64_t parts = 0;
  for (const Product& product : products) parts += product.part_count();
  parallel_for(parts, 1, [&](int64_t from, int64_t to, int) {
    for (const Product& product : products) {
      const int64_t count = product.part_count();
      if (from < count && to > 0) multiply(product, std::max<int64_t>(from, 0), std::min(to, count));
      from -= count;
      to -= count;
    }
  });
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

// x [m, depth], N matrices [rows, depth] and biases [rows] to N results [m, rows]. With a limit, results from the row of its last value on are 0.
struct PackedProductsKernel {
  explicit PackedProductsKernel(Attributes a)
      : count(static_cast<int>(a.integer("N"))), limits(static_cast<int>(a.integer("M"))), with_gelu(a.integer("gelu") != 0) {}
  void run(Call& call) const {
    TF_Tensor* input = call.input(0);
    std::vector<PackedMatrix> matrices;
    for (int i = 0; i < count; ++i) {
      matrices.push_back(packed_input(call, 1 + i));
      const PackedMatrix &matrix = matrices.back(), &first = matrices.front();
      if (matrix.depth != first.depth || matrix.packing != first.packing) throw std::runtime_error("expected matrices of one depth and packing");
    }
    const int64_t depth = matrices.front().depth;
    if (TF_NumDims(input) != 2 || TF_Dim(input, 1) != depth) throw std::runtime_error("expected a matrix with as many columns as the packed ones");
    const int64_t all = TF_Dim(input, 0), m = limits == 0 ? all : limit(call, all);
    ProductRows rows(matrices.front(), call.data(0, all * depth), m);
    if (!rows.are_made()) {
      parallel_for(m, std::max<int64_t>(1, kGrain / std::max<int64_t>(1, depth)), [&](int64_t from, int64_t to, int) { rows.make(from, to); });
    }
    std::vector<Product> products;
    for (int i = 0; i < count; ++i) {
      const PackedMatrix& matrix = matrices[static_cast<size_t>(i)];
      float* result = call.shaped_output<float>(i, {all, matrix.rows});
      std::fill(result + m * matrix.rows, result + all * matrix.rows, 0.0f);
      products.push_back({matrix, rows, call.data(1 + count + i, matrix.rows), with_gelu, result});
    }
    multiply_all(products);
  }
  int64_t limit(Call& call, int64_t all) const {
    TF_Tensor* tensor = call.input(1 + 2 * count);
    const int64_t size = size_of(tensor), value = size == 0 ? -1 : call.integers(1 + 2 * count, size)[size - 1];
    if (value < 0 || value > all) throw std::runtime_error("expected a limit of at most the number of rows");
    return value;
  }
  int count, limits;
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

// The rows of examples, one after another: example i has the rows begin(i) to begin(i + 1).
class RowSplits {
 public:
  // From an input [b + 1].
  RowSplits(Call& call, int index, int64_t rows) : count(size_of(call.input(index)) - 1), splits_(call.integers(index, count + 1)) {
    const bool ascend = std::adjacent_find(splits_, splits_ + count + 1, std::greater_equal<int32_t>()) == splits_ + count + 1;
    if (count < 1 || splits_[0] != 0 || !ascend || splits_[count] > rows) {
      throw std::runtime_error("expected row splits that ascend from 0 to at most the number of rows");
    }
  }
  int64_t begin(int64_t example) const { return splits_[example]; }
  int64_t size(int64_t example) const { return splits_[example + 1] - splits_[example]; }

  const int64_t count;  // b

 private:
  const int32_t* splits_;
};

// queries [q, n d], keys and values [r, n d] of examples one after another, row_splits [b + 1] to [q, n d]. Example i has the rows row_splits[i] to
// row_splits[i + 1]. Its queries are the same rows or, unless `asked` is 0, that many; rows of no example become 0.
struct RaggedAttentionKernel {
  explicit RaggedAttentionKernel(Attributes a) : heads(a.integer("heads")), asked(a.integer("asked")), scale(a.number("scale")) {}
  void run(Call& call) const {
    TF_Tensor *input = call.input(0), *second = call.input(1);
    if (TF_NumDims(input) != 2 || TF_NumDims(second) != 2) throw std::runtime_error("expected heads [rows, n d]");
    const int64_t q = TF_Dim(input, 0), width = TF_Dim(input, 1), rows = TF_Dim(second, 0), d = width / heads;
    const float *queries = call.data(0, q * width), *keys = call.data(1, rows * width), *values = call.data(2, rows * width);
    const RowSplits examples(call, 3, rows);
    const int64_t b = examples.count;
    if (d * heads != width || q != (asked == 0 ? rows : b * asked)) throw std::runtime_error("the queries do not fit the heads and examples");
    float* result = call.output(0, input);
    if (asked == 0) std::fill(result + examples.begin(b) * width, result + rows * width, 0.0f);
    parallel_for(b * heads, 1, [&](int64_t from, int64_t to, int) {
      for (int64_t i = from; i < to; ++i) {
        const int64_t example = i / heads, first = i % heads * d, count = examples.size(example);
        const int64_t at_key = examples.begin(example) * width + first, at_query = asked == 0 ? at_key : example * asked * width + first;
        attend({queries + at_query, keys + at_key, values + at_key, nullptr, result + at_query, asked == 0 ? count : asked, count, d, width, scale});
      }
    });
  }
  int64_t heads, asked;
  float scale;
};

// Attention without padding of one query for each example, before the products that make keys and values: queries [b, n d], x [r, h], matrices
// [n d, h] packed as float32, the values' bias [n d], row_splits [b + 1] to [b, n d].
struct FoldedAttentionKernel {
  explicit FoldedAttentionKernel(Attributes a) : heads(a.integer("heads")), scale(a.number("scale")) {}
  void run(Call& call) const {
    TF_Tensor *input = call.input(0), *second = call.input(1);
    const PackedMatrix keys = packed_input(call, 2), values = packed_input(call, 3);
    if (TF_NumDims(input) != 2 || TF_NumDims(second) != 2) throw std::runtime_error("expected queries and rows");
    const int64_t b = TF_Dim(input, 0), width = TF_Dim(input, 1), rows = TF_Dim(second, 0), h = TF_Dim(second, 1), d = width / heads;
    for (const PackedMatrix* matrix : {&keys, &values}) {
      if (matrix->packing != Packing::kFloat32 || matrix->rows != width || matrix->depth != h) throw std::runtime_error("the matrices do not fit");
    }
    const RowSplits examples(call, 5, rows);
    if (d * heads != width || examples.count != b) throw std::runtime_error("the queries do not fit the heads and examples");
    const float *queries = call.data(0, b * width), *x = call.data(1, rows * h), *bias = call.data(4, width);
    float* result = call.output(0, input);
    parallel_for(b * heads, 1, [&](int64_t from, int64_t to, int) {
      for (int64_t i = from; i < to; ++i) {
        const int64_t example = i / heads, first = i % heads * d, at = i * d;
        attend({queries + at, x + examples.begin(example) * h, keys, values, bias + first, result + at, first, examples.size(example), d, scale});
      }
    });
  }
  int64_t heads;
  float scale;
};

// Rows of the first input; columns of the biases.
void shapes_products(Shapes& shapes) {
  const int count = (shapes.input_count() - 1) / 2;  // the limit is last
  for (int i = 0; i < count; ++i) shapes.set(i, shapes.joined({shapes.axes(0, 0, 1), shapes.input(1 + count + i)}));
}

}  // namespace

void register_packed_kernels() {
  define<PackKernel, shapes_none>({"VisualbertPack", {"matrix: float"}, {"packed: uint8"}, {"packing: int"}, false});
  define<UnpackKernel, shapes_none>({"VisualbertUnpack", {"packed: uint8"}, {"matrix: float"}, {}, false});
  define<PackedProductsKernel, shapes_products>({"VisualbertPackedProducts",
                                                 {"x: float", "packed: N * uint8", "bias: N * float", "limit: M * int32"},
                                                 {"y: N * float"},
                                                 {"N: int >= 1", "M: int >= 0", "gelu: int"},
                                                 false});
  define<AttentionKernel, shapes_first>(
      {"VisualbertAttention", {"queries: float", "keys: float", "values: float", "bias: float"}, {"y: float"}, {"scale: float"}, false});
  define<RaggedAttentionKernel, shapes_first>({"VisualbertRaggedAttention",
                                               {"queries: float", "keys: float", "values: float", "row_splits: int32"},
                                               {"y: float"},
                                               {"heads: int >= 1", "asked: int >= 0", "scale: float"},
                                               false});
  define<FoldedAttentionKernel, shapes_first>(
      {"VisualbertFoldedAttention",
       {"queries: float", "x: float", "keys: uint8", "values: uint8", "values_bias: float", "row_splits: int32"},
       {"y: float"},
       {"heads: int >= 1", "scale: float"},
       false});
}

}  // namespace visualbert
