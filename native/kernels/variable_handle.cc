// The table of handles, and the operation that reads it. A handle is a small tensor on the host, whatever device its variable is on.
#include "kernels/variable_handle.h"

#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <unordered_map>

#include "kernels/kernel.h"

namespace visualbert {
namespace {

struct HandleDeleter {
  void operator()(TF_Tensor* tensor) const { TF_DeleteTensor(tensor); }
};

struct Table {
  std::mutex mutex;
  std::unordered_map<int32_t, std::unique_ptr<TF_Tensor, HandleDeleter>> handles;
  int32_t next = 0;

  static Table& instance() {
    static Table* table = new Table;  // never destroyed: runs may outlast static objects
    return *table;
  }
};

struct VariableKernel {
  explicit VariableKernel(Attributes) {}
  void run(Call& call) const {
    const int32_t number = *call.integers(0, 1);
    Table& table = Table::instance();
    std::lock_guard<std::mutex> lock(table.mutex);
    const auto found = table.handles.find(number);
    if (found == table.handles.end()) throw std::runtime_error("no variable has the number " + std::to_string(number));
    call.set_output(0, found->second.get());
  }
};

}  // namespace

void register_variable_handle() {
  define<VariableKernel, shapes_scalar>({"VisualbertVariable", {"number: int32"}, {"handle: resource"}, {}, true});
  define_kernel<VariableKernel>("VisualbertVariable", "GPU", {"number", "handle"});
}

int32_t keep_handle(TF_Tensor* handle) {
  Table& table = Table::instance();
  std::lock_guard<std::mutex> lock(table.mutex);
  table.handles[table.next].reset(handle);
  return table.next++;
}

void forget_handle(int32_t number) {
  Table& table = Table::instance();
  std::lock_guard<std::mutex> lock(table.mutex);
  table.handles.erase(number);
}

}  // namespace visualbert
