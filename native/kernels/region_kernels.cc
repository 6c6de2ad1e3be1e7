// RoIPool and RoIAlign, which cut a detector's regions out of feature maps. Boxes are computed in float32, as in the references.
#include <algorithm>
#include <cmath>
#include <vector>

#include "kernels/fused_kernels.h"
#include "kernels/kernel.h"
#include "loops/region_loops.h"

namespace visualbert {
namespace {

// A region's box, and the rows of the pixel table that hold its map.
struct Region {
  float x1, y1, x2, y2;    // of the picture
  float scale;             // from the picture to the map
  int64_t height, width;   // of the part of the map that belongs to the picture
  int64_t first, pitch;    // table row of the first pixel; table rows per line of the map

  int64_t row(int64_t y, int64_t x) const { return first + y * pitch + x; }
};

// Inputs pixels [n, c], geometry [r, 7], rows [r, 2], cells [bins]; an output [r, bins, bins, c].
struct RegionInputs {
  explicit RegionInputs(Call& call)
      : pixels(call.input(0)), channels(width_of(pixels)), rows(size_of(pixels) / channels), count(TF_Dim(call.input(1), 0)),
        bins(size_of(call.input(3))), geometry(call.data(1, count * 7)), starts(call.integers(2, count * 2)) {
    for (int64_t i = 0; i < count; ++i) {
      const Region r = region(i);
      if (r.height < 1 || r.width < 1 || r.pitch < r.width || r.first < 0 || r.row(r.height - 1, r.width - 1) >= rows) {
        throw std::runtime_error("a region's map lies outside the table of pixels");
      }
    }
  }

  Region region(int64_t i) const {
    const float* p = geometry + i * 7;
    const int32_t* s = starts + i * 2;
    return {p[0], p[1], p[2], p[3], p[4], static_cast<int64_t>(p[5]), static_cast<int64_t>(p[6]), s[0], s[1]};
  }

  // Calls work(pixels, region, cut) for each region.
  template <typename Work>
  void each(Call& call, Work work) const {
    visit(pixels, [&](const auto* data) {
      auto* cut = call.shaped_output<Element<decltype(data)>>(0, {count, bins, bins, channels});
      parallel_for(count, 1, [&](int64_t from, int64_t to, int) {
        for (int64_t i = from; i < to; ++i) work(data, region(i), cut + i * bins * bins * channels);
      });
    });
  }

  TF_Tensor* pixels;
  int64_t channels, rows, count, bins;
  const float* geometry;
  const int32_t* starts;
};

// `value` truncated and clamped to [least, most]; `least` for NaN.
int64_t bounded(float value, int64_t least, int64_t most) {
  if (!(value > static_cast<float>(least))) return least;
  return value < static_cast<float>(most) ? static_cast<int64_t>(value) : most;
}

// See torchvision/csrc/ops/cpu/roi_pool_kernel.cpp.
struct RoiPoolKernel {
  explicit RoiPoolKernel(Attributes) {}

  void run(Call& call) const {
    const RegionInputs inputs(call);
    const int64_t bins = inputs.bins, channels = inputs.channels;
    inputs.each(call, [&](const auto* pixels, const Region& region, auto* cut) {
      const std::vector<Span> lines = spans(region.y1 * region.scale, region.y2 * region.scale, bins, region.height);
      const std::vector<Span> columns = spans(region.x1 * region.scale, region.x2 * region.scale, bins, region.width);
      for (const Span& line : lines) {
        for (const Span& column : columns) {
          bool is_first = true;
          for (int64_t y = line.from; y < line.to; ++y) {
            for (int64_t x = column.from; x < column.to; ++x, is_first = false) {
              const auto* pixel = pixels + region.row(y, x) * channels;
              if (is_first) std::copy_n(pixel, channels, cut);
              else keep_largest(pixel, cut, channels);
            }
          }
          if (is_first) std::fill_n(cut, channels, std::remove_reference_t<decltype(*cut)>{});
          cut += channels;
        }
      }
    });
  }

 private:
  struct Span {
    int64_t from, to;
  };

  // Pixels of each cell along one axis.
  static std::vector<Span> spans(float from, float to, int64_t bins, int64_t size) {
    const float start = std::round(from);
    const float step = std::max(std::round(to) - start + 1.0f, 1.0f) / static_cast<float>(bins);
    std::vector<Span> spans;
    for (int64_t i = 0; i < bins; ++i) {
      const float cell = static_cast<float>(i);
      spans.push_back({bounded(std::floor(cell * step) + start, 0, size), bounded(std::ceil((cell + 1.0f) * step) + start, 0, size)});
    }
    return spans;
  }
};

// See torchvision/csrc/ops/cpu/roi_align_kernel.cpp.
struct RoiAlignKernel {
  explicit RoiAlignKernel(Attributes a) : sampling(a.integer("sampling")), is_aligned(a.integer("is_aligned") != 0) {}

  void run(Call& call) const {
    const RegionInputs inputs(call);
    const int64_t bins = inputs.bins, channels = inputs.channels;
    inputs.each(call, [&](const auto* pixels, const Region& region, auto* cut) {
      const Axis lines = axis(region.y1 * region.scale, region.y2 * region.scale, bins, region.height);
      const Axis columns = axis(region.x1 * region.scale, region.x2 * region.scale, bins, region.width);
      const float samples = static_cast<float>(std::max<int64_t>(lines.each * columns.each, 1));
      std::vector<float> sum(static_cast<size_t>(channels));
      for (int64_t cell = 0; cell < bins * bins; ++cell, cut += channels) {
        std::fill(sum.begin(), sum.end(), 0.0f);
        for (int64_t i = 0; i < lines.each; ++i) {
          const Sample& y = lines.samples[static_cast<size_t>(cell / bins * lines.each + i)];
          for (int64_t j = 0; y.is_inside && j < columns.each; ++j) {
            const Sample& x = columns.samples[static_cast<size_t>(cell % bins * columns.each + j)];
            if (!x.is_inside) continue;
            const auto at = [&](int64_t row, int64_t column) { return pixels + region.row(row, column) * channels; };
            const float far_y = y.rest, far_x = x.rest, near_y = 1.0f - far_y, near_x = 1.0f - far_x;
            add_sample({{at(y.before, x.before), at(y.before, x.after), at(y.after, x.before), at(y.after, x.after)},
                        {near_y * near_x, near_y * far_x, far_y * near_x, far_y * far_x}},
                       sum.data(), channels);
          }
        }
        divide(sum.data(), samples, cut, channels);
      }
    });
  }

 private:
  // The pixels before and after a sample along one axis, and how far it is from the first.
  struct Sample {
    int64_t before, after;
    float rest;
    bool is_inside;
  };

  struct Axis {
    int64_t each;  // samples in a cell
    std::vector<Sample> samples;
  };

  Axis axis(float from, float to, int64_t bins, int64_t size) const {
    const float offset = is_aligned ? 0.5f : 0.0f;
    const float start = from - offset;
    const float length = is_aligned ? to - offset - start : std::max(to - offset - start, 1.0f);
    const float step = length / static_cast<float>(bins);
    // A cell has about one sample for each pixel; boxes far outside of the map could ask for any number of samples.
    const int64_t each = sampling > 0 ? sampling : bounded(std::ceil(step), 0, kMostSamples);
    Axis result{each, {}};
    for (int64_t cell = 0; cell < bins; ++cell) {
      for (int64_t i = 0; i < each; ++i) {
        const float within = (static_cast<float>(i) + 0.5f) * step / static_cast<float>(each);
        result.samples.push_back(sample(start + static_cast<float>(cell) * step + within, size));
      }
    }
    return result;
  }

  static Sample sample(float at, int64_t size) {
    const bool is_inside = at >= -1.0f && at <= static_cast<float>(size);
    const int64_t before = bounded(at, 0, size - 1), after = std::min(before + 1, size - 1);
    const float clipped = std::min(std::max(at, 0.0f), static_cast<float>(size - 1));
    return {before, after, clipped - static_cast<float>(before), is_inside};
  }

  static constexpr int64_t kMostSamples = 4096;
  int64_t sampling;
  bool is_aligned;
};

// [r, bins, bins, c]
void shapes_regions(Shapes& shapes) {
  TF_ShapeHandle* bins = shapes.input(3);
  shapes.set(0, shapes.joined({shapes.axes(1, 0, 1), bins, bins, shapes.axes(0, 1, 2)}));
}

}  // namespace

void register_region_kernels() {
  const std::initializer_list<const char*> inputs = {"pixels: T", "geometry: float", "rows: int32", "cells: int32"};
  define<RoiPoolKernel, shapes_regions>({"VisualbertRoiPool", inputs, {"regions: T"}, {kFloats}, false});
  define<RoiAlignKernel, shapes_regions>({"VisualbertRoiAlign", inputs, {"regions: T"}, {kFloats, "sampling: int", "is_aligned: int"}, false});
}

}  // namespace visualbert
