#pragma once

#include <string>

namespace ssmprof::kernels::bench {

/// A shared library with other implementations of the kernels (see peer_abi.h).
class Peer {
 public:
  /// Throws std::runtime_error with one line when the library cannot be loaded or speaks another
  /// version of the ABI.
  explicit Peer(const std::string& path);
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;
  ~Peer();
  const std::string& name() const { return name_; }  ///< the file's name
  /// The address of ssmprof_peer_<entry>, or null when it is not exported.
  void* find(const std::string& entry) const;

 private:
  std::string name_;
  void* handle_ = nullptr;
};

}  // namespace ssmprof::kernels::bench
