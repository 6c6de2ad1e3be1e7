// Operations that read float32 values from a file of this machine: initial values of variables, packed for products or as they are, and rows of
// tables that stay in their file.
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <string>
#include <vector>

#include "kernels/fused_kernels.h"
#include "kernels/kernel.h"
#include "loops/fused_loops.h"
#include "loops/packed_matrix.h"

namespace visualbert {
namespace {

constexpr int64_t kPiece = 1 << 16;  // values read at a time: they are checked while they are in the cache
constexpr int64_t kRows = 16;        // rows of a table that a thread reads at least

// Values given by the input `location`: [descriptor of the open file, byte offset of the first, size of the file, nanosecond of its last change,
// sizes of the axes].
class FileValues {
 public:
  explicit FileValues(Call& call) {
    TF_Tensor* location = call.input(0);
    if (size_of(location) < 4) throw std::runtime_error("expected a descriptor, an offset, the file's size and time, and a shape");
    const uint64_t* numbers = static_cast<const uint64_t*>(TF_TensorData(location));
    descriptor_ = static_cast<int>(numbers[0]);
    position_ = static_cast<int64_t>(numbers[1]);
    file_size_ = numbers[2];
    changed_at_ = numbers[3];
    shape_.assign(numbers + 4, numbers + size_of(location));
  }

  const std::vector<int64_t>& shape() const { return shape_; }
  int64_t count() const {
    int64_t count = 1;
    for (int64_t size : shape_) count *= size;
    return count;
  }

  // Reads values from..to; may be called by several threads. A failure is thrown by `finish`.
  void read(int64_t from, int64_t to, float* values) {
    char* target = reinterpret_cast<char*>(values);
    int64_t at = position_ + from * kWidth;
    for (const int64_t end = position_ + to * kWidth; at < end;) {
      const ssize_t count = pread(descriptor_, target, static_cast<size_t>(end - at), static_cast<off_t>(at));
      if (count < 0 && errno == EINTR) continue;
      if (count <= 0) {
        failed_at_ = at;
        error_ = count < 0 ? errno : 0;
        return;
      }
      at += count;
      target += count;
    }
    if (!all_finite(values, to - from)) are_finite_ = false;
  }

  // Throws when a read has failed, or what was read may not be the file's content when it was opened.
  void require_read() const {
    struct stat file;
    if (fstat(descriptor_, &file) != 0) throw std::runtime_error(std::string("the file: ") + std::strerror(errno));
    const uint64_t size = static_cast<uint64_t>(file.st_size);
    if (size != file_size_ || time_of(file) != changed_at_) {
      throw std::runtime_error("the file was overwritten after it was opened: expected " + std::to_string(file_size_) + " bytes, received " +
                               (size == file_size_ ? "other ones" : std::to_string(size)) +
                               "; load the model again, and replace a file in use by renaming another");
    }
    const int64_t at = failed_at_;
    if (at >= 0) throw std::runtime_error("byte " + std::to_string(at) + " of the file: " + (error_ == 0 ? "it ends there" : std::strerror(error_)));
  }

  // Sets an output: whether all values are finite.
  void finish(Call& call, int output) const {
    require_read();
    *call.shaped_output<uint8_t>(output, {}) = are_finite_ ? 1 : 0;
  }

 private:
  // Nanoseconds since 1970, modulo 2^64.
  static uint64_t time_of(const struct stat& file) {
#ifdef __APPLE__
    const timespec& time = file.st_mtimespec;
#else
    const timespec& time = file.st_mtim;
#endif
    return static_cast<uint64_t>(time.tv_sec) * 1000000000u + static_cast<uint64_t>(time.tv_nsec);
  }

  static constexpr int64_t kWidth = sizeof(float);
  int descriptor_;
  int64_t position_;
  uint64_t file_size_, changed_at_;
  std::vector<int64_t> shape_;
  std::atomic<int64_t> failed_at_{-1};
  std::atomic<int> error_{0};
  std::atomic<bool> are_finite_{true};
};

// To an array.
struct ReadFileKernel {
  explicit ReadFileKernel(Attributes) {}
  void run(Call& call) const {
    FileValues file(call);
    float* values = call.shaped_output<float>(0, file.shape());
    parallel_for(file.count(), kPiece, [&](int64_t from, int64_t to, int) {
      for (int64_t at = from; at < to; at += kPiece) file.read(at, std::min(at + kPiece, to), values + at);
    });
    file.finish(call, 1);
  }
};

// To a packed matrix, panel by panel.
struct PackFileKernel {
  explicit PackFileKernel(Attributes a) : packing(static_cast<Packing>(a.integer("packing"))) {}
  void run(Call& call) const {
    FileValues file(call);
    if (file.shape().size() != 2) throw std::runtime_error("expected a matrix");
    const int64_t rows = file.shape()[0], depth = file.shape()[1];
    const size_t size = packed_bytes(packing, rows, depth);
    uint8_t* bytes = call.shaped_output<uint8_t>(0, {static_cast<int64_t>(size)});
    pack_header(packing, rows, depth, bytes);
    const PackedMatrix packed = packed_matrix(bytes, size);
    parallel_for(packed.count(), 1, [&](int64_t from, int64_t to, int) {
      std::vector<float> panel(static_cast<size_t>(kPanel * depth));
      for (int64_t index = from; index < to; ++index) {
        const int64_t first = index * kPanel;
        file.read(first * depth, std::min(first + kPanel, rows) * depth, panel.data());
        pack_panel(packed, panel.data(), index);
      }
    });
    file.finish(call, 1);
  }
  Packing packing;
};

// To nowhere: the values stay in the file.
struct ScanFileKernel {
  explicit ScanFileKernel(Attributes) {}
  void run(Call& call) const {
    FileValues file(call);
    parallel_for(file.count(), kPiece, [&](int64_t from, int64_t to, int) {
      std::vector<float> piece(static_cast<size_t>(std::min(kPiece, to - from)));
      for (int64_t at = from; at < to; at += kPiece) file.read(at, std::min(at + kPiece, to), piece.data());
    });
    file.finish(call, 0);
  }
};

// Rows of a table [rows, width] at indices [...], to an array [..., width].
struct ReadRowsKernel {
  explicit ReadRowsKernel(Attributes) {}
  void run(Call& call) const {
    FileValues file(call);
    if (file.shape().size() != 2) throw std::runtime_error("expected a table");
    const int64_t rows = file.shape()[0], width = file.shape()[1];
    TF_Tensor* input = call.input(1);
    const int64_t count = size_of(input);
    const int32_t* indices = call.integers(1, count);
    const int32_t* outside = std::find_if(indices, indices + count, [&](int32_t index) { return index < 0 || index >= rows; });
    if (outside != indices + count) {
      throw std::runtime_error("index " + std::to_string(*outside) + " is not in [0, " + std::to_string(rows) + ")");
    }
    std::vector<int64_t> shape = Call::shape_of(input);
    shape.push_back(width);
    float* values = call.shaped_output<float>(0, shape);
    parallel_for(count, kRows, [&](int64_t from, int64_t to, int) {
      for (int64_t i = from; i < to; ++i) file.read(indices[i] * width, (indices[i] + 1) * width, values + i * width);
    });
    file.require_read();
  }
};

}  // namespace

void register_file_kernels() {
  define<ReadFileKernel, shapes_none>({"VisualbertReadFile", {"location: uint64"}, {"values: float", "are_finite: uint8"}, {}, true});
  define<PackFileKernel, shapes_none>({"VisualbertPackFile", {"location: uint64"}, {"packed: uint8", "are_finite: uint8"}, {"packing: int"}, true});
  define<ScanFileKernel, shapes_none>({"VisualbertScanFile", {"location: uint64"}, {"are_finite: uint8"}, {}, true});
  define<ReadRowsKernel, shapes_none>({"VisualbertReadRows", {"location: uint64", "indices: int32"}, {"values: float"}, {}, true});
}

}  // namespace visualbert
