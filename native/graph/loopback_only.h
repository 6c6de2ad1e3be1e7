// Closes a port of this process to all but this machine: TensorFlow's server listens on every network interface, and has no option for it.
#ifndef VISUALBERT_LOOPBACK_ONLY_H_
#define VISUALBERT_LOOPBACK_ONLY_H_

namespace visualbert {

// From now on the kernel drops packets to the port that do not come from a loopback address; connections of others that are there already are ended.
// Throws what the system says; only Linux can do it.
void allow_loopback_only(int port);

}  // namespace visualbert

#endif  // VISUALBERT_LOOPBACK_ONLY_H_
