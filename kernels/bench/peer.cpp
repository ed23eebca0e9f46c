#include "kernels/bench/peer.hpp"

#include <dlfcn.h>
#include <filesystem>
#include <stdexcept>

#include "kernels/bench/peer_abi.h"

namespace ssmprof::kernels::bench {

Peer::Peer(const std::string& path)
    : name_(std::filesystem::path(path).filename().string()),
      handle_(dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL)) {
  if (handle_ == nullptr) {
    const char* why = dlerror();
    throw std::runtime_error("cannot load the peer '" + path + "': " + (why ? why : "unknown"));
  }
  using Version = int (*)();
  const auto version = reinterpret_cast<Version>(dlsym(handle_, "ssmprof_peer_version"));
  const int got = version != nullptr ? version() : 0;
  if (got != SSMPROF_PEER_VERSION) {
    dlclose(handle_);
    throw std::runtime_error("the peer '" + path + "' speaks version " + std::to_string(got) +
                             " of the peer ABI, this program " +
                             std::to_string(SSMPROF_PEER_VERSION) +
                             ": build it against this program's kernels/bench/peer_abi.h");
  }
}

Peer::~Peer() {
  if (handle_ != nullptr) dlclose(handle_);
}

int Peer::run(const std::string& entry, const void* args, void* stream) {
  using Entry = int (*)(const void*, void*);
  return reinterpret_cast<Entry>(find(entry))(args, stream);
}

void* Peer::find(const std::string& entry) const {
  return dlsym(handle_, ("ssmprof_peer_" + entry).c_str());
}

}  // namespace ssmprof::kernels::bench
