// The addon that runs compiled functions: one TF_Graph with one TF_Session, built operation by operation and run on a worker thread.
//
// Operations are numbered in the order in which they are added; output k of operation n is the number n * 2^16 + k.
#include <tensorflow/c/c_api.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <memory>
#include <mutex>
#ifdef __GLIBC__
#include <malloc.h>
#endif

#include "fused_kernels.h"
#include "fused_loops.h"
#include "loopback_only.h"
#include "napi_util.h"
#include "parallel.h"
#include "variable_handle.h"

namespace visualbert {
namespace {

constexpr int64_t kOutputsPerOperation = 1 << 16;

struct TensorDeleter {
  void operator()(TF_Tensor* tensor) const { TF_DeleteTensor(tensor); }
};
using TensorPointer = std::unique_ptr<TF_Tensor, TensorDeleter>;

struct Graph {
  TF_Graph* graph = nullptr;
  TF_Session* session = nullptr;
  std::vector<TF_Operation*> operations;
  std::vector<int32_t> handles;

  ~Graph() { close(); }

  void close() {
    Status status;
    if (session != nullptr) TF_DeleteSession(session, status);
    session = nullptr;
    if (graph != nullptr) TF_DeleteGraph(graph);
    graph = nullptr;
    operations.clear();
    for (int32_t number : handles) forget_handle(number);
    handles.clear();
  }

  TF_Operation* operation(int64_t number) const { return operations.at(static_cast<size_t>(number)); }

  TF_Output output(int64_t reference) const {
    return {operation(reference / kOutputsPerOperation), static_cast<int>(reference % kOutputsPerOperation)};
  }
};

template <typename T>
napi_value make_external(napi_env env, T* object) {
  napi_value value;
  const auto finalize = [](napi_env, void* data, void*) { delete static_cast<T*>(data); };
  require(napi_create_external(env, object, finalize, nullptr, &value), "external");
  return value;
}

template <typename T>
T* external(napi_env env, napi_value value) {
  void* data = nullptr;
  require(napi_get_value_external(env, value, &data), "expected a native handle");
  return static_cast<T*>(data);
}

Graph* open_graph(napi_env env, napi_value value) {
  Graph* graph = external<Graph>(env, value);
  if (graph->session == nullptr) throw std::runtime_error("the session is closed");
  return graph;
}

// What a run does with its results.
enum class Results {
  kCopied = 0,
  kHeld = 1,    // stay on the native side: the way a session passes its variables to the next one
  kShared = 2,  // JavaScript gets TensorFlow's own memory, which nothing may write to from then on
};

// A tensor that stays on the native side.
struct HeldTensor {
  TensorPointer tensor;
};

TensorPointer make_tensor(TF_DataType dtype, const std::vector<int64_t>& shape, Bytes bytes) {
  size_t count = 1;
  for (int64_t size : shape) count *= static_cast<size_t>(size);
  const size_t expected = count * TF_DataTypeSize(dtype);
  if (expected != bytes.size) {
    throw std::runtime_error("expected " + std::to_string(expected) + " bytes for the shape, received " + std::to_string(bytes.size));
  }
  TensorPointer tensor(TF_AllocateTensor(dtype, shape.data(), static_cast<int>(shape.size()), expected));
  if (tensor == nullptr) throw std::runtime_error("out of memory for a tensor of " + std::to_string(expected) + " bytes");
  if (expected > 0) std::memcpy(TF_TensorData(tensor.get()), bytes.data, expected);
  return tensor;
}

// { dtype, shape, data }
TensorPointer to_tensor(napi_env env, napi_value value) {
  return make_tensor(static_cast<TF_DataType>(to_int(env, property(env, value, "dtype"))),
                     to_ints(env, property(env, value, "shape")), to_bytes(env, property(env, value, "data")));
}

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

// One { name, type, value }, type as in TF_AttrType: the form that tfjs's kernels write.
void set_attribute(napi_env env, TF_OperationDescription* description, napi_value attribute) {
  const std::string name = to_string(env, property(env, attribute, "name"));
  const napi_value value = property(env, attribute, "value");
  const bool list = is_array(env, value);
  Status status;
  switch (static_cast<TF_AttrType>(to_int(env, property(env, attribute, "type")))) {
    case TF_ATTR_STRING: {
      const std::string text = to_string(env, value);
      TF_SetAttrString(description, name.c_str(), text.data(), text.size());
      break;
    }
    case TF_ATTR_INT:
      if (list) {
        const std::vector<int64_t> numbers = to_ints(env, value);
        TF_SetAttrIntList(description, name.c_str(), numbers.data(), static_cast<int>(numbers.size()));
      } else {
        TF_SetAttrInt(description, name.c_str(), to_int(env, value));
      }
      break;
    case TF_ATTR_FLOAT:
      if (list) {
        std::vector<float> numbers;
        for_each(env, value, [&](napi_value element) { numbers.push_back(static_cast<float>(to_double(env, element))); });
        TF_SetAttrFloatList(description, name.c_str(), numbers.data(), static_cast<int>(numbers.size()));
      } else {
        TF_SetAttrFloat(description, name.c_str(), static_cast<float>(to_double(env, value)));
      }
      break;
    case TF_ATTR_BOOL:
      if (list) {
        std::vector<unsigned char> flags;
        for_each(env, value, [&](napi_value element) { flags.push_back(to_bool(env, element) ? 1 : 0); });
        TF_SetAttrBoolList(description, name.c_str(), flags.data(), static_cast<int>(flags.size()));
      } else {
        TF_SetAttrBool(description, name.c_str(), to_bool(env, value) ? 1 : 0);
      }
      break;
    case TF_ATTR_TYPE:
      TF_SetAttrType(description, name.c_str(), static_cast<TF_DataType>(to_int(env, value)));
      break;
    case TF_ATTR_SHAPE: {
      const std::vector<int64_t> shape = to_ints(env, value);
      TF_SetAttrShape(description, name.c_str(), shape.data(), static_cast<int>(shape.size()));
      break;
    }
    case TF_ATTR_TENSOR:
      TF_SetAttrTensor(description, name.c_str(), to_tensor(env, value).get(), status);
      status.check();
      break;
    default:
      throw std::runtime_error("attribute " + name + " has a type that cannot be recorded");
  }
}

// dtype and shape of an output: -1 for an unknown size, null for an unknown rank.
napi_value describe_output(napi_env env, TF_Graph* graph, TF_Output output) {
  Status status;
  napi_value description, shape;
  require(napi_create_object(env, &description), "object");
  set(env, description, "dtype", make_number(env, TF_OperationOutputType(output)));
  const int rank = TF_GraphGetTensorNumDims(graph, output, status);
  status.check();
  if (rank < 0) {
    shape = make_null(env);
  } else {
    std::vector<int64_t> sizes(static_cast<size_t>(rank));
    TF_GraphGetTensorShape(graph, output, sizes.data(), rank, status);
    status.check();
    shape = make_array(env, sizes.size());
    for (size_t i = 0; i < sizes.size(); ++i) napi_set_element(env, shape, i, make_number(env, static_cast<double>(sizes[i])));
  }
  set(env, description, "shape", shape);
  return description;
}

// addOperation(graph, type, name, inputs, attributes, controls, colocated): inputs are output numbers, or arrays of them where the operation takes
// a list; controls are operation numbers; `colocated` is the number of an operation whose device this one shares, or null.
// Returns { operation, outputs: [{ dtype, shape }] }.
napi_value AddOperation(napi_env env, napi_value* args, size_t) {
  Graph* graph = open_graph(env, args[0]);
  const std::string type = to_string(env, args[1]);
  const std::string name = to_string(env, args[2]);
  TF_OperationDescription* description = TF_NewOperation(graph->graph, type.c_str(), name.c_str());
  std::string failure;
  try {
    for_each(env, args[3], [&](napi_value input) {
      if (!is_array(env, input)) return TF_AddInput(description, graph->output(to_int(env, input)));
      std::vector<TF_Output> list;
      for (int64_t reference : to_ints(env, input)) list.push_back(graph->output(reference));
      TF_AddInputList(description, list.data(), static_cast<int>(list.size()));
    });
    for_each(env, args[4], [&](napi_value attribute) { set_attribute(env, description, attribute); });
    for (int64_t control : to_ints(env, args[5])) TF_AddControlInput(description, graph->operation(control));
    if (!is_null(env, args[6])) TF_ColocateWith(description, graph->operation(to_int(env, args[6])));
  } catch (const std::exception& error) {
    failure = error.what();  // an operation description can only be freed by finishing it
  }
  Status status;
  TF_Operation* operation = TF_FinishOperation(description, status);
  if (!failure.empty()) throw std::runtime_error(failure);
  status.check();
  graph->operations.push_back(operation);

  napi_value result;
  require(napi_create_object(env, &result), "object");
  set(env, result, "operation", make_number(env, static_cast<double>(graph->operations.size() - 1)));
  const int count = TF_OperationNumOutputs(operation);
  napi_value outputs = make_array(env, static_cast<size_t>(count));
  for (int i = 0; i < count; ++i) napi_set_element(env, outputs, i, describe_output(env, graph->graph, {operation, i}));
  set(env, result, "outputs", outputs);
  return result;
}

// One call of TF_SessionRun on libuv's thread pool.
struct Run {
  napi_async_work work = nullptr;
  napi_ref graph_reference = nullptr;  // keeps the graph while the run lasts
  napi_ref callback = nullptr;
  Graph* graph = nullptr;
  std::vector<TF_Output> feeds;
  std::vector<TensorPointer> feed_tensors;
  std::vector<TF_Output> fetches;
  std::vector<TF_Operation*> targets;
  std::vector<TensorPointer> results;
  std::string run_options;  // serialized tensorflow.RunOptions
  Results how = Results::kCopied;
  TF_Buffer* metadata = nullptr;
  std::string error;

  ~Run() {
    if (metadata != nullptr) TF_DeleteBuffer(metadata);
  }
};

void execute(napi_env, void* data) {
  Run* run = static_cast<Run*>(data);
  Status status;
  std::vector<TF_Tensor*> inputs;
  for (const TensorPointer& tensor : run->feed_tensors) inputs.push_back(tensor.get());
  std::vector<TF_Tensor*> outputs(run->fetches.size(), nullptr);
  std::unique_ptr<TF_Buffer, void (*)(TF_Buffer*)> options(nullptr, TF_DeleteBuffer);
  if (!run->run_options.empty()) {
    options.reset(TF_NewBufferFromString(run->run_options.data(), run->run_options.size()));
    run->metadata = TF_NewBuffer();
  }
  TF_SessionRun(run->graph->session, options.get(), run->feeds.data(), inputs.data(), static_cast<int>(inputs.size()),
                run->fetches.data(), outputs.data(), static_cast<int>(outputs.size()), run->targets.data(),
                static_cast<int>(run->targets.size()), run->metadata, status);
  for (TF_Tensor* tensor : outputs) run->results.emplace_back(tensor);
  if (!status.ok()) run->error = status.message();
  run->feed_tensors.clear();
}

// The memory of a tensor as an ArrayBuffer, which keeps the tensor.
napi_value share_buffer(napi_env env, TensorPointer& tensor) {
  napi_value buffer;
  const auto finalize = [](napi_env, void*, void* owner) { TF_DeleteTensor(static_cast<TF_Tensor*>(owner)); };
  require(napi_create_external_arraybuffer(env, TF_TensorData(tensor.get()), TF_TensorByteSize(tensor.get()), finalize, tensor.get(), &buffer),
          "shared array");
  tensor.release();
  return buffer;
}

napi_value describe_result(napi_env env, TensorPointer& tensor, Results how) {
  if (how == Results::kHeld) return make_external(env, new HeldTensor{std::move(tensor)});
  napi_value result;
  require(napi_create_object(env, &result), "object");
  set(env, result, "dtype", make_number(env, TF_TensorType(tensor.get())));
  const int rank = TF_NumDims(tensor.get());
  napi_value shape = make_array(env, static_cast<size_t>(rank));
  for (int i = 0; i < rank; ++i) napi_set_element(env, shape, i, make_number(env, static_cast<double>(TF_Dim(tensor.get(), i))));
  set(env, result, "shape", shape);
  const size_t size = TF_TensorByteSize(tensor.get());
  const bool shares = how == Results::kShared && size > 0;
  set(env, result, "buffer", shares ? share_buffer(env, tensor) : make_buffer(env, TF_TensorData(tensor.get()), size));
  return result;
}

// Calls back with (error message or null, results, RunMetadata or null).
void complete(napi_env env, napi_status, void* data) {
  std::unique_ptr<Run> run(static_cast<Run*>(data));
  napi_value callback, receiver, ignored, values[3];
  napi_get_reference_value(env, run->callback, &callback);
  napi_get_undefined(env, &receiver);
  try {
    values[1] = make_array(env, run->results.size());
    values[2] = make_null(env);
    if (run->error.empty()) {
      for (size_t i = 0; i < run->results.size(); ++i) {
        napi_set_element(env, values[1], i, describe_result(env, run->results[i], run->how));
      }
      if (run->metadata != nullptr) values[2] = make_buffer(env, run->metadata->data, run->metadata->length);
    }
  } catch (const std::exception& error) {
    run->error = error.what();
  }
  values[0] = run->error.empty() ? make_null(env) : make_string(env, run->error);
  napi_delete_reference(env, run->callback);
  napi_delete_reference(env, run->graph_reference);
  napi_delete_async_work(env, run->work);
  run.reset();
  napi_call_function(env, receiver, callback, 3, values, &ignored);
}

// run(graph, feeds, fetches, targets, runOptions, results, callback): feeds are [output number, { dtype, shape, data } or held tensor];
// `results` is one of Results. Feeds are copied before the call returns.
napi_value RunGraph(napi_env env, napi_value* args, size_t) {
  auto run = std::make_unique<Run>();
  run->graph = open_graph(env, args[0]);
  for_each(env, args[1], [&](napi_value pair) {
    napi_value reference, value;
    napi_get_element(env, pair, 0, &reference);
    napi_get_element(env, pair, 1, &value);
    run->feeds.push_back(run->graph->output(to_int(env, reference)));
    napi_valuetype type;
    napi_typeof(env, value, &type);
    run->feed_tensors.push_back(type == napi_external ? std::move(external<HeldTensor>(env, value)->tensor) : to_tensor(env, value));
    if (run->feed_tensors.back() == nullptr) throw std::runtime_error("a held tensor can be fed once");
  });
  for (int64_t reference : to_ints(env, args[2])) run->fetches.push_back(run->graph->output(reference));
  for (int64_t number : to_ints(env, args[3])) run->targets.push_back(run->graph->operation(number));
  const Bytes options = to_bytes(env, args[4]);
  run->run_options.assign(static_cast<const char*>(options.data), options.size);
  run->how = static_cast<Results>(to_int(env, args[5]));

  require(napi_create_async_work(env, nullptr, make_string(env, "visualbert:run"), execute, complete, run.get(), &run->work), "work");
  require(napi_create_reference(env, args[0], 1, &run->graph_reference), "reference");
  require(napi_create_reference(env, args[6], 1, &run->callback), "reference");
  require(napi_queue_async_work(env, run->work), "queue");
  run.release();  // `complete` owns it now
  return nullptr;
}

// keepHandle(graph, handle): the number for which VisualbertVariable returns a held handle, until the graph is closed.
napi_value KeepHandle(napi_env env, napi_value* args, size_t) {
  Graph* graph = open_graph(env, args[0]);
  HeldTensor* held = external<HeldTensor>(env, args[1]);
  if (held->tensor == nullptr || TF_TensorType(held->tensor.get()) != TF_RESOURCE) throw std::runtime_error("expected a held handle");
  graph->handles.push_back(keep_handle(held->tensor.release()));
  return make_number(env, graph->handles.back());
}

// operationDefinition(graph, type): the serialized tensorflow.OpDef.
napi_value OperationDefinition(napi_env env, napi_value* args, size_t) {
  Status status;
  std::unique_ptr<TF_Buffer, void (*)(TF_Buffer*)> buffer(TF_NewBuffer(), TF_DeleteBuffer);
  TF_GraphGetOpDef(open_graph(env, args[0])->graph, to_string(env, args[1]).c_str(), buffer.get(), status);
  status.check();
  return make_buffer(env, buffer->data, buffer->length);
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

// returnMemory(): returns freed memory to the system. glibc keeps free blocks between used ones, in an arena for each thread.
napi_value ReturnMemory(napi_env, napi_value*, size_t) {
#ifdef __GLIBC__
  malloc_trim(0);
#endif
  return nullptr;
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
  export_function<Detach>(env, exports, "detach");
  export_function<AllFinite>(env, exports, "allFinite");
  export_function<ReturnMemory>(env, exports, "returnMemory");
  return exports;
}

}  // namespace
}  // namespace visualbert

NAPI_MODULE(visualbert_graph, visualbert::Initialize)
