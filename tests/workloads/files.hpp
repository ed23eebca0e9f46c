#pragma once

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "reports/error.hpp"
#include "workloads/checkpoint.hpp"
#include "workloads/config_json.hpp"

namespace ssmprof::workloads::testing {

/// A folder that vanishes with its owner.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "ssmprof-test-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp failed");
    path_ = name;
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }

  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

inline void write_file(const std::filesystem::path& path, const std::string& content) {
  std::ofstream out(path, std::ios::binary);
  out.write(content.data(), static_cast<std::streamsize>(content.size()));
  if (!out) throw std::runtime_error("cannot write " + path.string());
}

inline std::string read_file(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

/// The bytes of a safetensors file with this header and this many bytes of data.
inline std::string safetensors_bytes(const std::string& header, std::size_t data_size) {
  const std::uint64_t length = header.size();
  std::string bytes(8, '\0');
  std::memcpy(bytes.data(), &length, 8);
  bytes += header;
  for (std::size_t i = 0; i < data_size; ++i) bytes += static_cast<char>(i * 37 % 64);
  return bytes;
}

/// The message of the InputError that `action` throws, "" when it throws none; every other
/// exception goes through and fails the test.
template <typename Action>
std::string error_of(Action&& action) {
  try {
    action();
  } catch (const reports::InputError& problem) {
    return problem.what();
  }
  return "";
}

inline bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

/// A model so small that thousands can be made.
inline ModelConfig small_config(Family family) {
  ModelConfig config;
  config.name = "small";
  config.origin = "preset";
  config.family = family;
  config.d_model = 8;
  config.n_layer = 2;
  config.vocab_size = 11;
  config.d_inner = 16;
  config.d_state = {5, 5};
  if (family == Family::mamba1) {
    config.dt_rank = 3;
  } else {
    config.n_heads = 4;
    config.head_dim = 4;
    config.n_groups = 2;
    config.chunk_size = 8;
    config.norm_group_size = 16;
  }
  return config;
}

}  // namespace ssmprof::workloads::testing
