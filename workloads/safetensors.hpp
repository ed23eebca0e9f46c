#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "workloads/host_tensor.hpp"

namespace ssmprof::workloads {

/// One entry of a safetensors header, as it stands there.
struct SafetensorsEntry {
  std::string dtype;  ///< "F32", "BF16", …, also the ones we cannot use
  std::vector<std::int64_t> shape;
  std::uint64_t begin = 0, end = 0;  ///< bytes, relative to the data section
};

/// A safetensors file, memory-mapped and checked: header length and JSON, unique names, known
/// dtypes, shapes times element size equal to the offsets, offsets that neither overlap nor leave
/// holes nor pass the end of the file. Every violation throws reports::InputError naming file and
/// tensor. Format: huggingface.co/docs/safetensors.
class SafetensorsFile {
 public:
  explicit SafetensorsFile(const std::filesystem::path& path);

  const std::filesystem::path& path() const { return path_; }
  const std::map<std::string, SafetensorsEntry>& entries() const { return entries_; }
  const std::map<std::string, std::string>& metadata() const { return metadata_; }

  /// The tensor, pointing into the mapping (copied only when the file's alignment does not suit
  /// the element type). Throws reports::InputError when absent or not F32, F16 or BF16.
  HostTensor tensor(const std::string& name) const;

 private:
  std::filesystem::path path_;
  std::shared_ptr<const void> mapping_;
  const std::byte* data_ = nullptr;
  std::map<std::string, SafetensorsEntry> entries_;
  std::map<std::string, std::string> metadata_;
};

/// All tensors of one file.
std::map<std::string, HostTensor> read_safetensors(const std::filesystem::path& path);

/// All tensors of a directory: model.safetensors or model.safetensors.index.json and its shards
/// (file names that leave the directory are refused).
std::map<std::string, HostTensor> read_safetensors_directory(const std::filesystem::path& dir);

/// Writes a file, whole or not at all (reports::AtomicFile): fp32 tensors first, then the narrower
/// ones, each by name; the data section starts at a multiple of 64 bytes. Throws
/// reports::InputError when the path is at fault, reports::EnvironmentError when the disk is.
void write_safetensors(const std::filesystem::path& path,
                       const std::map<std::string, HostTensor>& tensors,
                       const std::map<std::string, std::string>& metadata = {});

}  // namespace ssmprof::workloads
