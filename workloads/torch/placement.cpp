#include "workloads/torch/placement.hpp"

#include <algorithm>
#include <cstdint>

#include "workloads/torch/common.hpp"

namespace ssmprof::workloads {
namespace {

constexpr std::uintptr_t kAlignment = 16;  // what vector loads of the kernels and GEMMs like

}  // namespace

Placement::Placement(std::shared_ptr<const Checkpoint> checkpoint, const ExecutionSpec& spec)
    : checkpoint_(std::move(checkpoint)),
      device_(device_of(spec)),
      dtype_(scalar_type(spec.dtype)) {}

at::Tensor Placement::place(const std::string& name, at::ScalarType type) const {
  const auto found = checkpoint_->tensors.find(name);
  if (found == checkpoint_->tensors.end()) return {};
  const HostTensor& host = found->second;
  // from_blob wants a mutable pointer; the memory may be a read-only mapping and is only read.
  auto* data = const_cast<std::byte*>(host.data);
  const at::Tensor view = at::from_blob(
      data, host.shape, [owner = host.owner](void*) {}, at::dtype(scalar_type(host.dtype)));
  const bool usable = device_.is_cpu() && view.scalar_type() == type &&
                      reinterpret_cast<std::uintptr_t>(data) % kAlignment == 0;
  const at::Tensor placed = usable ? view
                                   : view.to(device_, type, /*non_blocking=*/false,
                                             /*copy=*/true);
  bytes_ += bytes_of(placed);
  return placed;
}

at::Tensor Placement::mask(std::int64_t layer) const {
  const auto& masks = checkpoint_->state_mask;
  if (masks.empty()) return {};
  const auto& mask = masks.at(static_cast<std::size_t>(layer));
  at::Tensor out = at::empty({static_cast<std::int64_t>(mask.size())}, at::dtype(at::kBool));
  std::transform(mask.begin(), mask.end(), out.data_ptr<bool>(), [](auto m) { return m != 0; });
  return out;
}

at::Tensor Placement::replaced(const at::Tensor& old, const at::Tensor& now) const {
  bytes_ += bytes_of(now) - bytes_of(old);
  return now;
}

}  // namespace ssmprof::workloads
