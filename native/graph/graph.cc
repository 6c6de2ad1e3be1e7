// The addon that runs compiled functions: graphs made and closed, the server of this process, and what else JavaScript calls.
#include "graph/graph.h"

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <mutex>
#ifdef __GLIBC__
#include <malloc.h>
#endif

#include "graph/loopback_only.h"
#include "kernels/fused_kernels.h"
#include "loops/fused_loops.h"
#include "parallel.h"

namespace tensorflow {
// Of TensorFlow's libraries, without a header in its wheels.
bool IsMklEnabled() __attribute__((weak));
}  // namespace tensorflow

namespace visualbert {
namespace {

// createGraph(config, target): a new graph and session; config is a serialized tensorflow.ConfigProto, target that of a server, or ''.
napi_value CreateGraph(napi_env env, napi_value* args, size_t) {
  auto graph = std::make_unique<Graph>();
  Status status;
  const Bytes config = to_bytes(env, args[0]);
  std::unique_ptr<TF_SessionOptions, void (*)(TF_SessionOptions*)> options(TF_NewSessionOptions(), TF_DeleteSessionOptions);
  TF_SetConfig(options.get(), config.data, config.size, status);
  status.check();
  TF_SetTarget(options.get(), to_string(env, args[1]).c_str());
  graph->graph = TF_NewGraph();
  graph->session = TF_NewSession(graph->graph, options.get(), status);
  status.check();
  return make_external(env, graph.release());
}

napi_value CloseGraph(napi_env env, napi_value* args, size_t) {
  external<Graph>(env, args[0])->close();
  return nullptr;
}

// startServer(definition, localPort): starts this process's server of a cluster and returns its target; definition is a serialized
// tensorflow.ServerDef. With its port as localPort it serves this machine alone, with 0 everyone. It serves until the process ends: TensorFlow cannot
// stop one cleanly.
napi_value StartServer(napi_env env, napi_value* args, size_t) {
  Status status;
  const Bytes definition = to_bytes(env, args[0]);
  TF_Server* server = TF_NewServer(definition.data, definition.size, status);
  status.check();
  const int64_t local_port = to_int(env, args[1]);
  if (local_port != 0) allow_loopback_only(static_cast<int>(local_port));  // before it takes calls
  TF_ServerStart(server, status);
  status.check();
  return make_string(env, TF_ServerTarget(server));
}

// keepHandle(graph, handle): the number for which VisualbertVariable returns a held handle, until the graph is closed.
napi_value KeepHandle(napi_env env, napi_value* args, size_t) {
  Graph* graph = open_graph(env, args[0]);
  HeldTensor* held = external<HeldTensor>(env, args[1]);
  if (held->tensor == nullptr || TF_TensorType(held->tensor.get()) != TF_RESOURCE) throw std::runtime_error("expected a held handle");
  graph->handles.push_back(keep_handle(held->tensor.release()));
  return make_number(env, graph->handles.back());
}

// duplicate(descriptor): another descriptor of the same open file, to be closed on its own.
napi_value Duplicate(napi_env env, napi_value* args, size_t) {
  const int descriptor = fcntl(static_cast<int>(to_int(env, args[0])), F_DUPFD_CLOEXEC, 0);
  if (descriptor < 0) throw std::runtime_error(std::string("a file cannot be kept open: ") + std::strerror(errno));
  return make_number(env, descriptor);
}

// detach(buffer): detaches an ArrayBuffer from its memory; its arrays become empty.
napi_value Detach(napi_env env, napi_value* args, size_t) {
  require(napi_detach_arraybuffer(env, args[0]), "an array that cannot be detached");
  return nullptr;
}

// allFinite(floats): whether every element is finite.
napi_value AllFinite(napi_env env, napi_value* args, size_t) {
  const Bytes bytes = to_bytes(env, args[0]);
  const float* values = static_cast<const float*>(bytes.data);
  std::atomic<bool> is_finite{true};
  ThreadPool::instance().run(static_cast<int64_t>(bytes.size / sizeof(float)), 1 << 16, [&](int64_t first, int64_t last, int) {
    if (!all_finite(values + first, last - first)) is_finite = false;
  });
  napi_value result;
  napi_get_boolean(env, is_finite, &result);
  return result;
}

// endProcess(code): ends the process at once. Node's own end waits for its threads, of which one may wait for a worker that is lost.
napi_value EndProcess(napi_env env, napi_value* args, size_t) { _exit(static_cast<int>(to_int(env, args[0]))); }

// returnMemory(): returns freed memory to the system. glibc keeps free blocks between used ones, in an arena for each thread.
napi_value ReturnMemory(napi_env, napi_value*, size_t) {
#ifdef __GLIBC__
  malloc_trim(0);
#endif
  return nullptr;
}

// usesOneDnn(): whether TensorFlow replaces operations by oneDNN's, which depends on its build, on the processor and on TF_ENABLE_ONEDNN_OPTS.
napi_value UsesOneDnn(napi_env env, napi_value*, size_t) {
  napi_value result;
  napi_get_boolean(env, tensorflow::IsMklEnabled != nullptr && tensorflow::IsMklEnabled(), &result);
  return result;
}

napi_value Initialize(napi_env env, napi_value exports) {
  try {
    static std::once_flag once;  // each worker thread initializes the addon again, but TensorFlow has one registry per process
    std::call_once(once, [] {
      register_fused_kernels();
      register_variable_handle();
    });
  } catch (const std::exception& error) {
    napi_throw_error(env, nullptr, error.what());
    return nullptr;
  }
  export_function<CreateGraph>(env, exports, "createGraph");
  export_function<CloseGraph>(env, exports, "closeGraph");
  export_function<StartServer>(env, exports, "startServer");
  export_function<AddOperation>(env, exports, "addOperation");
  export_function<RunGraph>(env, exports, "run");
  export_function<KeepHandle>(env, exports, "keepHandle");
  export_function<OperationDefinition>(env, exports, "operationDefinition");
  export_function<GraphDefinition>(env, exports, "graphDefinition");
  export_function<RegisteredKernels>(env, exports, "registeredKernels");
  export_function<Duplicate>(env, exports, "duplicate");
  export_function<Detach>(env, exports, "detach");
  export_function<AllFinite>(env, exports, "allFinite");
  export_function<EndProcess>(env, exports, "endProcess");
  export_function<ReturnMemory>(env, exports, "returnMemory");
  export_function<UsesOneDnn>(env, exports, "usesOneDnn");
  return exports;
}

}  // namespace
}  // namespace visualbert

NAPI_MODULE(visualbert_graph, visualbert::Initialize)
