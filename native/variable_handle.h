// Handles of variables by number: an operation that gives out the variable whose number it is fed, so that one operation serves them all.
// TensorFlow itself refuses to be fed a handle.
#ifndef VISUALBERT_VARIABLE_HANDLE_H_
#define VISUALBERT_VARIABLE_HANDLE_H_

#include <tensorflow/c/tf_tensor.h>

#include <cstdint>

namespace visualbert {

// Registers the operation VisualbertVariable(number) -> handle, once per process. Throws what TensorFlow says.
void register_variable_handle();

// Keeps a handle, which becomes the table's, until `forget_handle`. Returns its number.
int32_t keep_handle(TF_Tensor* handle);

void forget_handle(int32_t number);

}  // namespace visualbert

#endif  // VISUALBERT_VARIABLE_HANDLE_H_
