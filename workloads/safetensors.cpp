#include "workloads/safetensors.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <nlohmann/json.hpp>
#include <set>
#include <string_view>
#include <utility>

#include "reports/error.hpp"
#include "workloads/mapped_file.hpp"
#include "workloads/text.hpp"

namespace ssmprof::workloads {

using nlohmann::json;
using reports::InputError;

namespace {

constexpr std::uint64_t kLargestHeader = 100'000'000;  // as the reference implementation
constexpr std::uint64_t kLargestCount = 1ULL << 62U;

struct ElementType {
  std::string_view name;
  std::uint64_t size;
};
constexpr std::array<ElementType, 15> kElementTypes = {{{"F32", 4},
                                                        {"F16", 2},
                                                        {"BF16", 2},
                                                        {"F64", 8},
                                                        {"BOOL", 1},
                                                        {"U8", 1},
                                                        {"I8", 1},
                                                        {"F8_E5M2", 1},
                                                        {"F8_E4M3", 1},
                                                        {"I16", 2},
                                                        {"U16", 2},
                                                        {"I32", 4},
                                                        {"U32", 4},
                                                        {"I64", 8},
                                                        {"U64", 8}}};

/// Parses the header; duplicate names are refused (a plain parse would keep the last one).
json parse_header(std::string_view text, const std::string& where) {
  std::set<std::string> names;
  const auto watch = [&](int depth, json::parse_event_t event, json& value) {
    if (depth > 8) throw InputError(where + ": the header nests too deep: not a safetensors file");
    if (event == json::parse_event_t::key && depth == 1) {
      const auto& name = value.get_ref<const std::string&>();
      if (!names.insert(name).second) {
        throw InputError(where + ": tensor " + in_quotes(name) + " stands twice in the header");
      }
    }
    return true;
  };
  json header;
  try {
    header = json::parse(text.begin(), text.end(), watch);
  } catch (const json::parse_error& problem) {
    throw InputError(where + ": the header is not valid JSON (near its byte " +
                     std::to_string(problem.byte) + "): damaged or not a safetensors file");
  } catch (const json::exception&) {
    throw InputError(where + ": the header is not valid JSON (a number is out of range)");
  }
  if (!header.is_object()) throw InputError(where + ": the header is not a JSON object");
  return header;
}

/// Reads and checks one tensor's description.
class EntryReader {
 public:
  EntryReader(const std::string& where, const std::string& name, std::uint64_t data_size)
      : subject_(where + ": tensor " + in_quotes(name)), data_size_(data_size) {}

  SafetensorsEntry read(const json& description) const {
    if (!description.is_object()) fail("is not described by a JSON object");
    SafetensorsEntry entry;
    const std::uint64_t size = element_size(description, entry);
    std::uint64_t bytes = size;
    const json& shape = field(description, "shape");
    if (!shape.is_array()) fail("has a shape that is not an array");
    for (const json& extent : shape) {
      if (!extent.is_number_unsigned()) fail("has a shape that is not made of whole numbers");
      const auto count = extent.get<std::uint64_t>();
      if (count > kLargestCount || (count > 0 && bytes > kLargestCount / count)) {
        fail("has a shape whose size overflows");
      }
      bytes *= count;
      entry.shape.push_back(static_cast<std::int64_t>(count));
    }
    if (entry.shape.size() > 16) fail("has more than 16 dimensions");
    read_offsets(description, entry);
    if (entry.end - entry.begin != bytes) {
      fail("holds " + std::to_string(entry.end - entry.begin) + " bytes, but its shape " +
           shape_text(entry.shape) + " of " + entry.dtype + " needs " + std::to_string(bytes));
    }
    if (entry.begin % size != 0) {
      fail("starts at offset " + std::to_string(entry.begin) + ", misaligned for " + entry.dtype +
           ": write the file again with the safetensors library");
    }
    return entry;
  }

 private:
  [[noreturn]] void fail(const std::string& problem) const {
    throw InputError(subject_ + " " + problem);
  }

  const json& field(const json& description, const char* key) const {
    const auto found = description.find(key);
    if (found == description.end()) fail(std::string("has no ") + key);
    return *found;
  }

  std::uint64_t element_size(const json& description, SafetensorsEntry& entry) const {
    const json& dtype = field(description, "dtype");
    if (!dtype.is_string()) fail("has a dtype that is not a string");
    entry.dtype = dtype.get<std::string>();
    for (const auto& [name, size] : kElementTypes) {
      if (name == entry.dtype) return size;
    }
    fail("has the unknown dtype " + in_quotes(entry.dtype));
  }

  void read_offsets(const json& description, SafetensorsEntry& entry) const {
    const json& offsets = field(description, "data_offsets");
    if (!offsets.is_array() || offsets.size() != 2 || !offsets[0].is_number_unsigned() ||
        !offsets[1].is_number_unsigned()) {
      fail("has data_offsets that are not two whole numbers");
    }
    entry.begin = offsets[0].get<std::uint64_t>();
    entry.end = offsets[1].get<std::uint64_t>();
    if (entry.begin > entry.end) fail("has data_offsets in the wrong order");
    if (entry.end > data_size_) {
      fail("ends at byte " + std::to_string(entry.end) + " of the data, but the file has only " +
           std::to_string(data_size_) + ": truncated?");
    }
  }

  std::string subject_;
  std::uint64_t data_size_;
};

std::map<std::string, std::string> read_metadata(const json& source, const std::string& where) {
  const std::string problem = where + ": __metadata__ must map names to strings";
  if (!source.is_object()) throw InputError(problem);
  std::map<std::string, std::string> metadata;
  for (const auto& [key, value] : source.items()) {
    if (!value.is_string()) throw InputError(problem);
    metadata[key] = value.get<std::string>();
  }
  return metadata;
}

/// Every byte of the data belongs to exactly one tensor.
void check_partition(const std::map<std::string, SafetensorsEntry>& entries,
                     std::uint64_t data_size, const std::string& where) {
  std::vector<std::pair<const std::string*, const SafetensorsEntry*>> order;
  for (const auto& [name, entry] : entries) order.emplace_back(&name, &entry);
  std::sort(order.begin(), order.end(), [](const auto& a, const auto& b) {
    return std::pair(a.second->begin, a.second->end) < std::pair(b.second->begin, b.second->end);
  });
  std::uint64_t position = 0;
  const std::string* previous = nullptr;
  for (const auto& [name, entry] : order) {
    if (entry->begin < position) {
      throw InputError(where + ": tensor " + in_quotes(*name) + " overlaps tensor " +
                       in_quotes(*previous));
    }
    if (entry->begin > position) {
      throw InputError(where + ": " + std::to_string(entry->begin - position) +
                       " bytes before tensor " + in_quotes(*name) + " belong to no tensor");
    }
    position = entry->end;
    previous = name;
  }
  if (position != data_size) {
    throw InputError(where + ": " + std::to_string(data_size - position) +
                     " bytes at the end belong to no tensor");
  }
}

}  // namespace

SafetensorsFile::SafetensorsFile(const std::filesystem::path& path) : path_(path) {
  const std::string where = path.string();
  const MappedFile file = map_file(path);
  if (file.size < 8) {
    throw InputError(where + ": too short for a safetensors file (" + std::to_string(file.size) +
                     " bytes)");
  }
  std::uint64_t length = 0;
  std::memcpy(&length, file.data, 8);
  if (length > kLargestHeader) {
    throw InputError(where + ": the header claims " + std::to_string(length) +
                     " bytes, more than the 100 MB allowed: damaged or not a safetensors file");
  }
  if (length > file.size - 8) {
    throw InputError(where + ": the header claims " + std::to_string(length) +
                     " bytes, but the file has only " + std::to_string(file.size - 8) +
                     " after its length: truncated?");
  }
  const auto* text = reinterpret_cast<const char*>(file.data + 8);
  const json header = parse_header({text, static_cast<std::size_t>(length)}, where);
  mapping_ = file.owner;
  data_ = file.data + 8 + length;
  const std::uint64_t data_size = file.size - 8 - length;
  for (const auto& [name, description] : header.items()) {
    if (name == "__metadata__") {
      metadata_ = read_metadata(description, where);
    } else {
      entries_[name] = EntryReader(where, name, data_size).read(description);
    }
  }
  check_partition(entries_, data_size, where);
}

HostTensor SafetensorsFile::tensor(const std::string& name) const {
  const auto found = entries_.find(name);
  if (found == entries_.end()) {
    throw InputError(path_.string() + ": has no tensor " + in_quotes(name));
  }
  const SafetensorsEntry& entry = found->second;
  HostTensor tensor;
  if (entry.dtype == "F32") {
    tensor.dtype = kernels::DType::f32;
  } else if (entry.dtype == "F16") {
    tensor.dtype = kernels::DType::f16;
  } else if (entry.dtype == "BF16") {
    tensor.dtype = kernels::DType::bf16;
  } else {
    throw InputError(path_.string() + ": tensor " + in_quotes(name) + " is " + entry.dtype +
                     ": only F32, F16 and BF16 can be used");
  }
  tensor.shape = entry.shape;
  tensor.data = data_ + entry.begin;
  tensor.owner = mapping_;
  // The header's length need not be a multiple of the element size: then a copy is aligned.
  if (reinterpret_cast<std::uintptr_t>(tensor.data) % kernels::size_of(tensor.dtype) != 0) {
    NewTensor copy = allocate_tensor(tensor.dtype, tensor.shape);
    std::memcpy(copy.data, tensor.data, tensor.bytes());
    return copy.tensor;
  }
  return tensor;
}

std::map<std::string, HostTensor> read_safetensors(const std::filesystem::path& path) {
  const SafetensorsFile file(path);
  std::map<std::string, HostTensor> tensors;
  for (const auto& [name, entry] : file.entries()) tensors[name] = file.tensor(name);
  return tensors;
}

}  // namespace ssmprof::workloads
