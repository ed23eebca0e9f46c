#include "workloads/torch/checked_ops.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

namespace ssmprof::workloads {
namespace {

constexpr std::int64_t kRowsAtOnce = 1024;  // of a GEMM in fp64: bounds its memory
constexpr double kAboveRounding = 1.1;
constexpr double kInfinity = std::numeric_limits<double>::infinity();

double sum_of_squares(const at::Tensor& t) {
  return t.square().sum().item<double>();
}

double relative(double difference, double reference) {
  if (difference == 0 && std::isfinite(reference)) return 0;
  const double error = std::sqrt(difference / reference);
  return std::isfinite(error) ? error : kInfinity;
}

double limit_of_type(at::ScalarType type) {
  switch (type) {
    case at::kBFloat16:
      return rounding_limit(kernels::DType::bf16);
    case at::kHalf:
      return rounding_limit(kernels::DType::f16);
    default:
      return rounding_limit(kernels::DType::f32);
  }
}

at::ScalarType coarser(at::ScalarType a, at::ScalarType b) {
  return limit_of_type(a) >= limit_of_type(b) ? a : b;
}

/// The SSD of several tokens on a GPU forms its sums (states, outputs) in matrix units, whose
/// operands (such as x·Δ times its decay) have the type of x; everywhere else all is fp32, rounded
/// when stored.
at::ScalarType type_of_operands(const SsdCall& call) {
  return call.x.is_cuda() ? call.x.scalar_type() : at::kFloat;
}

/// How far an error goes into its limit; without a limit the error itself.
double severity(double error, const std::optional<double>& limit) {
  if (!limit) return error;
  return error == 0 ? 0 : error / *limit;
}

}  // namespace

struct CheckedOps::Norms {
  double difference = 0, rounding = 0, reference = 0;

  void add(const at::Tensor& got, const at::Tensor& expected, at::ScalarType type) {
    TORCH_CHECK(got.sizes() == expected.sizes(), "an operation returned the wrong shape");
    difference += sum_of_squares(got.to(at::kDouble) - expected);
    rounding += sum_of_squares(expected.to(type).to(at::kDouble) - expected);
    reference += sum_of_squares(expected);
  }
};

CheckedOps::CheckedOps(std::unique_ptr<Ops> inner, Backend backend)
    : ForwardingOps(std::move(inner)), backend_(backend) {}

void CheckedOps::begin_stage(const std::string& stage, const std::vector<RangeSpec>& ranges) {
  stage_ = stage;
  ranges_ = &ranges;
}

std::optional<double> CheckedOps::limit_of(at::ScalarType type, bool library) const {
  if (backend_ == Backend::torch && !library) return std::nullopt;
  return limit_of_type(type);
}

void CheckedOps::record(const char* what, const Norms& norms, std::optional<double> limit) {
  const RangeSpec& range = ranges_->at(static_cast<std::size_t>(current_));
  ComponentError now;
  now.component = range.component, now.layer = range.layer;
  now.stage = stage_, now.what = what;
  now.error = relative(norms.difference, norms.reference);
  now.rounding = relative(norms.rounding, norms.reference);
  now.limit = limit;
  if (limit && *limit > 0 && std::isfinite(now.rounding)) {
    now.limit = std::max(*limit, kAboveRounding * now.rounding);
  }
  const auto known = std::find_if(errors_.begin(), errors_.end(), [&](const ComponentError& e) {
    return e.component == now.component && e.stage == now.stage && e.what == now.what;
  });
  if (known == errors_.end()) {
    errors_.push_back(now);
  } else if (severity(now.error, now.limit) > severity(known->error, known->limit)) {
    *known = now;
  }
}

void CheckedOps::judge(const char* what, const at::Tensor& got, const at::Tensor& expected,
                       at::ScalarType type) {
  if (got.numel() == 0) return;
  Norms norms;
  norms.add(got, expected, type);
  record(what, norms, limit_of(type, /*library=*/false));
}

template <typename Call>
at::Tensor CheckedOps::with_state(const Call& call, const exact::Result& expected,
                                  at::Tensor (Ops::*operation)(const Call&),
                                  at::ScalarType state_type) {
  at::Tensor out = ((*inner_).*operation)(call);
  judge("output", out, expected.out, out.scalar_type());
  judge("state", call.state, expected.state, state_type);
  return out;
}

at::Tensor CheckedOps::checked_conv(const ConvCall& call,
                                    at::Tensor (Ops::*operation)(const ConvCall&)) {
  const exact::Result expected = exact::conv(call);
  at::Tensor out = ((*inner_).*operation)(call);
  judge("output", out, expected.out, out.scalar_type());
  if (call.state.numel() > 0) {
    Norms norms;
    norms.add(call.state, expected.state, call.state.scalar_type());
    record("state", norms, 0.0);  // the last rows of x as they are
  }
  return out;
}

// The references are computed first: the operations overwrite the states.

at::Tensor CheckedOps::conv(const ConvCall& call) {
  return checked_conv(call, &Ops::conv);
}
at::Tensor CheckedOps::conv_step(const ConvCall& call) {
  return checked_conv(call, &Ops::conv_step);
}
at::Tensor CheckedOps::scan(const ScanCall& call) {
  return with_state(call, exact::scan(call), &Ops::scan, call.state.scalar_type());
}
at::Tensor CheckedOps::scan_step(const ScanCall& call) {
  return with_state(call, exact::scan(call), &Ops::scan_step, call.state.scalar_type());
}
at::Tensor CheckedOps::ssd(const SsdCall& call) {
  return checked_ssd(call, &Ops::ssd, type_of_operands(call));
}
at::Tensor CheckedOps::ssd_step(const SsdCall& call) {
  return checked_ssd(call, &Ops::ssd_step, at::kFloat);
}

at::Tensor CheckedOps::checked_ssd(const SsdCall& call,
                                   at::Tensor (Ops::*operation)(const SsdCall&),
                                   at::ScalarType sums_type) {
  exact::Result expected = exact::ssd(call);
  const at::ScalarType state_type = coarser(sums_type, call.state.scalar_type());
  if (!call.norm_weight.defined()) return with_state(call, expected, operation, state_type);
  const at::Tensor gated = exact::gate(expected.out, call.z);
  expected.out = gated * call.norm_weight.to(at::kDouble);
  at::Tensor out = with_state(call, expected, operation, state_type);
  judge("squares", call.squares.sum(-1, false, at::kDouble), gated.square().sum(-1).reshape({-1}),
        sums_type);
  return out;
}

at::Tensor CheckedOps::gate(const at::Tensor& y, const at::Tensor& z) {
  const at::Tensor expected = exact::gate(y, z);
  at::Tensor out = inner_->gate(y, z);
  judge("output", out, expected, out.scalar_type());
  return out;
}

at::Tensor CheckedOps::rms_norm(const at::Tensor& x, const at::Tensor& weight, double eps) {
  const at::Tensor expected = exact::rms_norm(x, weight, eps);
  at::Tensor out = inner_->rms_norm(x, weight, eps);
  judge("output", out, expected, out.scalar_type());
  return out;
}

at::Tensor CheckedOps::add_rms_norm(const at::Tensor& x, const RowScale& scale,
                                    at::Tensor& residual, bool keep, const at::Tensor& weight,
                                    double eps) {
  const at::Tensor sum = exact::scaled(x, scale) + residual.to(at::kDouble);
  const at::Tensor expected = exact::rms_norm(sum, weight, eps);
  at::Tensor out = inner_->add_rms_norm(x, scale, residual, keep, weight, eps);
  judge("output", out, expected, out.scalar_type());
  if (keep) judge("sum", residual, sum, residual.scalar_type());
  return out;
}

at::Tensor CheckedOps::gated_rms_norm(const at::Tensor& y, const at::Tensor& z,
                                      const at::Tensor& weight, std::int64_t group_size,
                                      double eps) {
  const at::Tensor expected = exact::gated_rms_norm(y, z, weight, group_size, eps);
  at::Tensor out = inner_->gated_rms_norm(y, z, weight, group_size, eps);
  judge("output", out, expected, out.scalar_type());
  return out;
}

/// The stream against what it must be now; the rest against what it is.
void CheckedOps::judge_stream(const StepStream& stream, const at::Tensor& sum,
                              const at::Tensor& norm_weight) {
  judge("sum", stream.residual, sum, stream.residual.scalar_type());
  judge("output", stream.next, sum * norm_weight.to(at::kDouble), stream.next.scalar_type());
  judge("squares", stream.squares.sum(-1, false, at::kDouble), sum.square().sum(-1), at::kFloat);
}

StepLinearResult CheckedOps::linear_step(const StepLinearCall& call) {
  at::Tensor expected = exact::linear(call.x, call.weight, {});
  if (call.squares.defined()) {
    expected = exact::scaled(expected, {call.squares, call.x.size(1), call.eps});
  }
  if (call.bias.defined()) expected = expected + call.bias.to(at::kDouble);
  if (call.stream != nullptr) {
    const at::Tensor sum = call.stream->residual.to(at::kDouble) + expected;
    StepLinearResult result = inner_->linear_step(call);
    judge_stream(*call.stream, sum, call.norm_weight);
    return result;
  }
  if (!call.conv_weight.defined()) {
    StepLinearResult result = inner_->linear_step(call);
    judge("output", result.y, expected, result.y.scalar_type());
    return result;
  }
  const at::Tensor before = call.conv_state.clone();
  StepLinearResult result = inner_->linear_step(call);
  const std::int64_t first = call.conv_first, channels = call.conv_weight.size(0);
  const std::int64_t after = first + channels, taps = before.size(1);
  const at::Tensor newest = call.conv_state.narrow(1, taps - 1, 1);
  Norms product, shifted;
  product.add(newest.squeeze(1), expected.narrow(1, first, channels), newest.scalar_type());
  for (const auto& [at, count] :
       {std::pair{std::int64_t{0}, first}, std::pair{after, expected.size(1) - after}}) {
    if (count == 0) continue;
    product.add(result.y.narrow(1, at, count), expected.narrow(1, at, count),
                result.y.scalar_type());
  }
  record("output", product, limit_of(result.y.scalar_type(), /*library=*/false));
  shifted.add(call.conv_state.narrow(1, 0, taps - 1), before.narrow(1, 1, taps - 1).to(at::kDouble),
              call.conv_state.scalar_type());
  record("state", shifted, 0.0);
  ConvCall step;
  step.x = newest, step.weight = call.conv_weight, step.bias = call.conv_bias;
  step.state = before, step.from_state = true;
  judge("convolved", result.convolved.unsqueeze(1), exact::conv(step).out,
        result.convolved.scalar_type());
  return result;
}

StepStream CheckedOps::embed_step(const at::Tensor& ids, const at::Tensor& table,
                                  at::ScalarType residual_type, const at::Tensor& norm_weight) {
  StepStream stream = inner_->embed_step(ids, table, residual_type, norm_weight);
  judge_stream(stream, at::embedding(table, ids).to(at::kDouble), norm_weight);
  return stream;
}

at::Tensor CheckedOps::linear(const at::Tensor& x, const at::Tensor& weight,
                              const at::Tensor& bias) {
  at::Tensor out = inner_->linear(x, weight, bias);
  Norms norms;
  for (std::int64_t row = 0; row < x.size(0); row += kRowsAtOnce) {
    const std::int64_t rows = std::min(kRowsAtOnce, x.size(0) - row);
    norms.add(out.narrow(0, row, rows), exact::linear(x.narrow(0, row, rows), weight, bias),
              out.scalar_type());
  }
  record("output", norms, limit_of(out.scalar_type(), /*library=*/true));
  return out;
}

}  // namespace ssmprof::workloads
