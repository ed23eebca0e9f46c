#include <algorithm>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string_view>
#include <vector>

#include "reports/atomic_file.hpp"
#include "workloads/safetensors.hpp"

namespace ssmprof::workloads {

using nlohmann::json;

namespace {

const char* format_name(kernels::DType dtype) {
  return dtype == kernels::DType::f32 ? "F32" : dtype == kernels::DType::f16 ? "F16" : "BF16";
}

std::string_view bytes_of(const void* data, std::size_t size) {
  return {static_cast<const char*>(data), size};
}

}  // namespace

void write_safetensors(const std::filesystem::path& path,
                       const std::map<std::string, HostTensor>& tensors,
                       const std::map<std::string, std::string>& metadata) {
  // Wide types first, so that every tensor is aligned to its element without gaps.
  std::vector<const std::pair<const std::string, HostTensor>*> order;
  for (const auto& item : tensors) order.push_back(&item);
  std::stable_sort(order.begin(), order.end(), [](const auto* a, const auto* b) {
    return kernels::size_of(a->second.dtype) > kernels::size_of(b->second.dtype);
  });
  json header = json::object();
  if (!metadata.empty()) header["__metadata__"] = metadata;
  std::uint64_t position = 0;
  for (const auto* item : order) {
    const std::uint64_t end = position + item->second.bytes();
    header[item->first] = {{"dtype", format_name(item->second.dtype)},
                           {"shape", item->second.shape},
                           {"data_offsets", {position, end}}};
    position = end;
  }
  std::string text = header.dump();
  text.resize((text.size() + 8 + 63) / 64 * 64 - 8, ' ');  // the data starts at a multiple of 64
  const std::uint64_t length = text.size();
  reports::AtomicFile file(path);
  file.write(bytes_of(&length, sizeof length));
  file.write(text);
  for (const auto* item : order) file.write(bytes_of(item->second.data, item->second.bytes()));
  file.commit();
}

}  // namespace ssmprof::workloads
