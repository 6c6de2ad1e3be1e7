// A filter on each listening socket of the port. See socket(7), SO_ATTACH_FILTER: it needs no privileges, and connections inherit it.
#include "graph/loopback_only.h"

#ifdef __linux__
#include <dirent.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <string>
#include <vector>

namespace visualbert {
namespace {

constexpr uint32_t kHeader = static_cast<uint32_t>(SKF_NET_OFF);  // of the packet's IP header

// Accepts packets from 127.0.0.0/8 and from ::1.
constexpr sock_filter kProgram[] = {
    BPF_STMT(BPF_LD | BPF_B | BPF_ABS, kHeader),                   //  0: version and length
    BPF_STMT(BPF_ALU | BPF_AND | BPF_K, 0xf0),                     //  1
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0x60, 3, 0),               //  2: IPv6 goes on at 6
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, kHeader + 12),              //  3: source
    BPF_STMT(BPF_ALU | BPF_AND | BPF_K, 0xff000000),               //  4
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0x7f000000, 8, 9),         //  5
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, kHeader + 8),               //  6: source, four words
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 7),                  //  7
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, kHeader + 12),              //  8
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 5),                  //  9
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, kHeader + 16),              // 10
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 3),                  // 11
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, kHeader + 20),              // 12
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 1, 0, 1),                  // 13
    BPF_STMT(BPF_RET | BPF_K, 0xffffffff),                         // 14: take it
    BPF_STMT(BPF_RET | BPF_K, 0),                                  // 15: drop it
};

std::vector<int> open_descriptors() {
  std::vector<int> numbers;
  DIR* folder = opendir("/proc/self/fd");
  if (folder == nullptr) throw std::runtime_error(std::string("/proc/self/fd: ") + std::strerror(errno));
  while (const dirent* entry = readdir(folder)) {
    if (entry->d_name[0] != '.') numbers.push_back(std::atoi(entry->d_name));
  }
  closedir(folder);
  return numbers;
}

// Port of an address, -1 where it is not one of the internet. Tells whether it is a loopback address.
int port_of(const sockaddr_storage& address, bool* is_loopback) {
  if (address.ss_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(address);
    *is_loopback = ntohl(v4.sin_addr.s_addr) >> 24 == 127;
    return ntohs(v4.sin_port);
  }
  if (address.ss_family != AF_INET6) return -1;
  const auto& v6 = reinterpret_cast<const sockaddr_in6&>(address);
  const bool is_mapped = IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr);
  *is_loopback = IN6_IS_ADDR_LOOPBACK(&v6.sin6_addr) || (is_mapped && v6.sin6_addr.s6_addr[12] == 127);
  return ntohs(v6.sin6_port);
}

bool is_at(int descriptor, int port) {
  sockaddr_storage own{};
  socklen_t size = sizeof(own);
  bool ignored;
  return getsockname(descriptor, reinterpret_cast<sockaddr*>(&own), &size) == 0 && port_of(own, &ignored) == port;
}

bool is_listening(int descriptor) {
  int value = 0;
  socklen_t size = sizeof(value);
  return getsockopt(descriptor, SOL_SOCKET, SO_ACCEPTCONN, &value, &size) == 0 && value != 0;
}

// Filters new connections, and ends those that nobody has taken yet: whoever belongs here connects again.
void close_listener(int descriptor) {
  const sock_fprog program = {sizeof(kProgram) / sizeof(kProgram[0]), const_cast<sock_filter*>(kProgram)};
  if (setsockopt(descriptor, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) != 0)
    throw std::runtime_error(std::string("SO_ATTACH_FILTER: ") + std::strerror(errno));
  if ((fcntl(descriptor, F_GETFL) & O_NONBLOCK) == 0) return;
  for (int waiting = accept(descriptor, nullptr, nullptr); waiting >= 0; waiting = accept(descriptor, nullptr, nullptr)) close(waiting);
}

void end_stranger(int descriptor) {
  sockaddr_storage peer{};
  socklen_t size = sizeof(peer);
  bool is_loopback = true;
  if (getpeername(descriptor, reinterpret_cast<sockaddr*>(&peer), &size) == 0 && port_of(peer, &is_loopback) >= 0 && !is_loopback)
    shutdown(descriptor, SHUT_RDWR);
}

}  // namespace

void allow_loopback_only(int port) {
  bool is_found = false;
  for (int descriptor : open_descriptors()) {
    if (!is_at(descriptor, port) || !is_listening(descriptor)) continue;
    close_listener(descriptor);
    is_found = true;
  }
  if (!is_found) throw std::runtime_error("nothing listens on port " + std::to_string(port));
  for (int descriptor : open_descriptors()) {
    if (is_at(descriptor, port) && !is_listening(descriptor)) end_stranger(descriptor);
  }
}

}  // namespace visualbert
#else
#include <stdexcept>

namespace visualbert {

void allow_loopback_only(int) { throw std::runtime_error("this system has no filters of sockets"); }

}  // namespace visualbert
#endif
