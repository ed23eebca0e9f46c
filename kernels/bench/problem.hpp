#pragma once

#include <vector>

#include "kernels/bench/array.hpp"
#include "kernels/bench/inputs.hpp"
#include "kernels/bench/kernel_case.hpp"
#include "kernels/bench/peer_convert.hpp"
#include "kernels/bench/reference.hpp"

namespace ssmprof::kernels::bench {

/// What the problems of all cases share: one `Args` per input set, given to the kernel, or in the
/// form of the peer ABI to a rival. A case adds the arrays and the reference.
template <class Args, void (*kernel)(const Args&, const Launch&)>
class KernelProblem : public Problem {
 public:
  std::size_t sets() const override { return args_.size(); }
  void launch(std::size_t set, const Launch& where) override { kernel(args_[set], where); }
  std::string entry() const override { return peer_entry(peer_args(args_.front(), device_)); }
  int launch_rival(Rival& rival, std::size_t set, void* stream) override {
    const auto args = peer_args(args_[set], device_);
    return rival.run(peer_entry(args), &args, stream);
  }
  Cost cost() const override { return cost_of(args_.front()); }

 protected:
  explicit KernelProblem(const Setup& setup) : device_(setup.device) {}

  Device device_;
  std::vector<Args> args_;
};

}  // namespace ssmprof::kernels::bench
