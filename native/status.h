// TensorFlow's status.
#ifndef VISUALBERT_STATUS_H_
#define VISUALBERT_STATUS_H_

#include <tensorflow/c/tf_status.h>

#include <stdexcept>
#include <string>

namespace visualbert {

// Owns a TF_Status; `check` turns a failure into an exception.
class Status {
 public:
  Status() : status_(TF_NewStatus()) {}
  ~Status() { TF_DeleteStatus(status_); }
  Status(const Status&) = delete;
  Status& operator=(const Status&) = delete;
  operator TF_Status*() { return status_; }
  bool ok() const { return TF_GetCode(status_) == TF_OK; }
  std::string message() const { return TF_Message(status_); }
  void check() const {
    if (!ok()) throw std::runtime_error(message());
  }

 private:
  TF_Status* status_;
};

}  // namespace visualbert

#endif  // VISUALBERT_STATUS_H_
