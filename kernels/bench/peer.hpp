#pragma once

#include "kernels/bench/rival.hpp"

namespace ssmprof::kernels::bench {

/// A shared library with other implementations of the kernels (see peer_abi.h).
class Peer : public Rival {
 public:
  /// Throws std::runtime_error with one line when the library cannot be loaded or speaks another
  /// version of the ABI.
  explicit Peer(const std::string& path);
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;
  ~Peer() override;
  std::string name() const override { return name_; }  ///< the file's name
  bool implements(const std::string& entry) const override { return find(entry) != nullptr; }
  int run(const std::string& entry, const void* args, void* stream) override;

 private:
  /// The address of ssmprof_peer_<entry>, or null when it is not exported.
  void* find(const std::string& entry) const;

  std::string name_;
  void* handle_ = nullptr;
};

}  // namespace ssmprof::kernels::bench
