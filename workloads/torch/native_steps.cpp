#include "workloads/torch/native_steps.hpp"

#include "kernels/embed.hpp"
#include "kernels/linear.hpp"
#include "workloads/torch/native_views.hpp"

namespace ssmprof::workloads::native {

StepLinearResult linear_step(const StepLinearCall& call, const kernels::Launch& launch) {
  StepLinearResult result;
  kernels::LinearArgs args;
  args.dtype = dtype_of(call.weight);
  args.rows = call.x.size(0), args.inputs = call.x.size(1), args.outputs = call.weight.size(0);
  args.x = rows2(call.x);
  args.weight = call.weight.data_ptr(), args.bias = pointer(call.bias);
  if (call.squares.defined()) {
    args.scale = {pointer<float>(call.squares), call.squares.size(1), args.inputs,
                  static_cast<float>(call.eps)};
  }
  if (call.stream != nullptr) {
    StepStream& stream = *call.stream;
    stream.next = at::empty({args.rows, args.outputs}, call.x.options());
    stream.squares = at::empty({args.rows, args.outputs / kernels::kLinearPart},
                               call.x.options().dtype(at::kFloat));
    args.residual = {dtype_of(stream.residual), stream.residual.data_ptr(),
                     call.norm_weight.data_ptr(), stream.next.data_ptr(),
                     pointer<float>(stream.squares)};
  } else {
    result.y = at::empty({args.rows, args.outputs}, call.x.options());
    args.y = rows2(result.y);
  }
  if (call.conv_weight.defined()) {
    const std::int64_t channels = call.conv_weight.size(0);
    result.convolved = at::empty({args.rows, channels}, call.x.options());
    args.conv = {call.conv_first,           channels,
                 pointer(call.conv_weight), pointer(call.conv_bias),
                 pointer(call.conv_state),  rows2(result.convolved)};
  }
  kernels::linear(args, launch);
  return result;
}

StepStream embed_step(const at::Tensor& ids, const at::Tensor& table, at::ScalarType residual_type,
                      const at::Tensor& norm_weight, const kernels::Launch& launch) {
  const std::int64_t rows = ids.numel(), channels = table.size(1);
  const at::Tensor own = ids.contiguous();  // a column of a table of tokens is not
  const StepStream stream{
      at::empty({rows, channels}, table.options().dtype(residual_type)),
      at::empty({rows, channels}, table.options()),
      at::empty({rows, channels / kernels::kEmbedPart}, table.options().dtype(at::kFloat))};
  kernels::EmbedArgs args;
  args.dtype = dtype_of(table), args.residual_dtype = dtype_of(stream.residual);
  args.rows = rows, args.channels = channels;
  args.ids = own.const_data_ptr<std::int64_t>();
  args.table = table.data_ptr(), args.norm_weight = norm_weight.data_ptr();
  args.residual = stream.residual.data_ptr(), args.next = stream.next.data_ptr();
  args.squares = pointer<float>(stream.squares);
  kernels::embed(args, launch);
  return stream;
}

}  // namespace ssmprof::workloads::native
