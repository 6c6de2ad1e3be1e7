// Operations of the optimizer for TensorFlow on the CPU. A gradient is a tensor of the parameter's shape, or rows that are summed by row number.
#include <algorithm>
#include <cmath>
#include <initializer_list>
#include <numeric>
#include <vector>

#include "kernels/fused_kernels.h"
#include "kernels/kernel.h"
#include "loops/fused_loops.h"
#include "loops/vector_math.h"

namespace visualbert {
namespace {

// The rows of a table's gradient that are not zero, in ascending order.
struct RowSums {
  // values [n, width], numbers [n]: the row of the table that each belongs to; negative ones are ignored. Sums in the order of n.
  RowSums(Call& call, int values_index, int numbers_index) : width(width_of(call.input(values_index))) {
    TF_Tensor* values = call.input(values_index);
    const int64_t count = size_of(values) / width;
    const int32_t* numbers = call.integers(numbers_index, count);
    std::vector<int64_t> order(static_cast<size_t>(count));
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) { return numbers[a] < numbers[b]; });
    visit(values, [&](const auto* x) {
      for (int64_t position : order) {
        if (numbers[position] < 0) continue;
        if (rows.empty() || rows.back() != numbers[position]) {
          rows.push_back(numbers[position]);
          sums.resize(sums.size() + static_cast<size_t>(width), 0.0f);
        }
        float* sum = sums.data() + sums.size() - static_cast<size_t>(width);
        for (int64_t i = 0; i < width; ++i) sum[i] += widened(x[position * width + i]);
      }
    });
  }

  int64_t width;
  std::vector<int64_t> rows;
  std::vector<float> sums;
};

struct AdamWKernel {
  explicit AdamWKernel(Attributes a)
      : share1(a.number("share1")), share2(a.number("share2")), epsilon(a.number("epsilon")), decay(a.number("decay")),
        rate_factor(a.number("rate_factor")), max_norm(a.number("max_norm")), skip_non_finite(a.integer("skip_non_finite") != 0) {}

  // parameter, first, second: read from their variables, whose memory this writes. The recording guarantees that no later operation reads the old values.
  void run(Call& call) const {
    if (skips(call)) return;
    const AdamW options = options_of(call);
    const int64_t size = size_of(call.input(0));
    float *parameter = call.data(0, size), *first = call.data(1, size), *second = call.data(2, size);
    visit(call.sized(3, size), [&](const auto* gradient) {
      parallel_for(size, kGrain, [&](int64_t from, int64_t to, int) {
        adamw(options, parameter + from, first + from, second + from, gradient + from, to - from);
      });
    });
  }

 protected:
  bool skips(Call& call) const { return skip_non_finite && !std::isfinite(call.scalar(4)); }

  AdamW options_of(Call& call) const {
    const float rate = call.scalar(5) * rate_factor;
    const float clip = std::isinf(max_norm) ? 1.0f : max_norm / (call.scalar(4) + 1e-6f);  // torch's constant
    return {share1, share2, epsilon, rate, 1.0f - rate * decay, call.scalar(6), call.scalar(7), clip > 1.0f ? 1.0f : clip};  // NaN stays
  }

 private:
  float share1, share2, epsilon, decay, rate_factor, max_norm;
  bool skip_non_finite;
};

// The same for a table whose gradient is given as rows.
struct AdamWRowsKernel : AdamWKernel {
  using AdamWKernel::AdamWKernel;

  void run(Call& call) const {
    if (skips(call)) return;
    const AdamW options = options_of(call);
    const RowSums gradient(call, 3, 8);
    const int64_t width = gradient.width, size = size_of(call.input(0));
    const std::vector<float> zeros(static_cast<size_t>(width), 0.0f);
    float *parameter = call.data(0, size), *first = call.data(1, size), *second = call.data(2, size);
    parallel_for(size / width, std::max<int64_t>(1, kGrain / width), [&](int64_t from, int64_t to, int) {
      auto next = std::lower_bound(gradient.rows.begin(), gradient.rows.end(), from) - gradient.rows.begin();
      for (int64_t row = from; row < to; ++row) {
        const bool is_zero = next == static_cast<int64_t>(gradient.rows.size()) || gradient.rows[next] != row;
        const float* sums = is_zero ? zeros.data() : gradient.sums.data() + next++ * width;
        adamw(options, parameter + row * width, first + row * width, second + row * width, sums, width);
      }
    });
  }
};

// Pieces of a fixed size are added in order, so that the result does not depend on the number of threads.
template <typename T>
float total_of_squares(const T* x, int64_t count) {
  constexpr int64_t kPiece = 1 << 14;
  std::vector<double> sums(static_cast<size_t>((count + kPiece - 1) / kPiece));
  parallel_for(static_cast<int64_t>(sums.size()), 4, [&](int64_t from, int64_t to, int) {
    for (int64_t i = from; i < to; ++i) sums[static_cast<size_t>(i)] = sum_of_squares(x + i * kPiece, std::min(kPiece, count - i * kPiece));
  });
  return static_cast<float>(std::accumulate(sums.begin(), sums.end(), 0.0));
}

struct SumOfSquaresKernel {
  explicit SumOfSquaresKernel(Attributes) {}
  void run(Call& call) const {
    visit(call.input(0), [&](const auto* x) { *call.shaped_output<float>(0, {}) = total_of_squares(x, size_of(call.input(0))); });
  }
};

struct SumOfSquaresRowsKernel {
  explicit SumOfSquaresRowsKernel(Attributes) {}
  void run(Call& call) const {
    const RowSums gradient(call, 0, 1);
    *call.shaped_output<float>(0, {}) = total_of_squares(gradient.sums.data(), static_cast<int64_t>(gradient.sums.size()));
  }
};

// Both forms of the update have the same attributes and no outputs.
template <typename Kernel>
void define_adamw(const char* name, std::initializer_list<const char*> inputs) {
  define<Kernel, shapes_none>({
      name,
      inputs,
      {},
      {kFloats, "share1: float", "share2: float", "epsilon: float", "decay: float", "rate_factor: float", "max_norm: float", "skip_non_finite: int"},
      true});
}

}  // namespace

void register_optimizer_kernels() {
  define_adamw<AdamWKernel>("VisualbertAdamW", {"parameter: float", "first: float", "second: float", "gradient: T", "norm: float", "rate: float",
                                                "first_correction: float", "second_correction: float"});
  define_adamw<AdamWRowsKernel>("VisualbertAdamWRows",
                                {"parameter: float", "first: float", "second: float", "gradient: T", "norm: float", "rate: float",
                                 "first_correction: float", "second_correction: float", "rows: int32"});
  define<SumOfSquaresKernel, shapes_scalar>({"VisualbertSumOfSquares", {"x: T"}, {"sum: float"}, {kFloats}, false});
  define<SumOfSquaresRowsKernel, shapes_scalar>({"VisualbertSumOfSquaresRows", {"x: T", "rows: int32"}, {"sum: float"}, {kFloats}, false});
}

}  // namespace visualbert
