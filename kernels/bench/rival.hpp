#pragma once

#include <functional>
#include <memory>
#include <string>

/// Another implementation of the kernels, timed beside the native ones in the same process on the
/// same inputs.
namespace ssmprof::kernels::bench {

class Rival {
 public:
  virtual ~Rival() = default;
  virtual std::string name() const = 0;

  virtual bool implements(const std::string& entry) const = 0;
  /// Enqueues the work on `stream` (null: the default stream, or the CPU) and returns 0, as the C
  /// functions of peer_abi.h do; `args` is the ssmprof_peer_<entry>_args of that header.
  virtual int run(const std::string& entry, const void* args, void* stream) = 0;

  /// While on, nobody reads the outputs: work that only serves to hand them over may be left out.
  virtual void timing_only(bool) {}

  /// Launches that were captured, to be replayed on the stream of their capture.
  class Graph {
   public:
    virtual ~Graph() = default;
    virtual void replay() = 0;
  };
  /// Captures what `submit` enqueues on `stream`. Null: capturing needs nothing of the rival's, the
  /// caller does it. Throws std::runtime_error when it cannot be captured; the stream can be used
  /// on.
  virtual std::unique_ptr<Graph> capture(void* /*stream*/,
                                         const std::function<void()>& /*submit*/) {
    return nullptr;
  }
};

}  // namespace ssmprof::kernels::bench
