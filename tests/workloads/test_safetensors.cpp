#include <cmath>
#include <cstring>
#include <fcntl.h>
#include <limits>
#include <sys/stat.h>
#include <unistd.h>

#include "workloads/safetensors.hpp"

#include "files.hpp"
#include "tests/catch.hpp"

using namespace ssmprof::workloads;
using namespace ssmprof::workloads::testing;
using ssmprof::kernels::DType;

TEST_CASE("tensors survive being written and read") {
  const TemporaryFolder folder;
  std::map<std::string, HostTensor> tensors;
  tensors["half"] = from_floats({1, -2, 0.5F}, {3}, DType::f16);
  tensors["wide"] = from_floats({1, 2, 3, 4, 5, 6}, {2, 3}, DType::f32);
  tensors["brain"] = from_floats({3.140625F}, {1, 1}, DType::bf16);
  tensors["scalar"] = from_floats({7}, {}, DType::f32);
  tensors["empty"] = from_floats({}, {0, 4}, DType::f32);
  write_safetensors(folder / "t.safetensors", tensors, {{"format", "pt"}});
  const SafetensorsFile file(folder / "t.safetensors");
  CHECK(file.metadata().at("format") == "pt");
  CHECK(file.entries().size() == 5);
  const auto again = read_safetensors(folder / "t.safetensors");
  for (const auto& [name, tensor] : tensors) {
    INFO(name);
    const HostTensor& found = again.at(name);
    CHECK(found.shape == tensor.shape);
    CHECK(found.dtype == tensor.dtype);
    CHECK(to_floats(found) == to_floats(tensor));
    CHECK(reinterpret_cast<std::uintptr_t>(found.data) % size_of(found.dtype) == 0);
  }
  CHECK(std::distance(std::filesystem::directory_iterator(folder.path()), {}) == 1);
}

TEST_CASE("a header of odd length still gives aligned tensors that outlive the file") {
  const TemporaryFolder folder;
  std::map<std::string, HostTensor> tensors;
  for (std::size_t padding = 0; padding < 4; ++padding) {
    const std::string header =
        R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})" + std::string(padding, ' ');
    const auto path = folder / ("odd" + std::to_string(padding));
    write_file(path, safetensors_bytes(header, 8));
    tensors = read_safetensors(path);
    const HostTensor& tensor = tensors.at("a");
    CHECK(reinterpret_cast<std::uintptr_t>(tensor.data) % 4 == 0);
    const unsigned char expected[8] = {0, 37, 10, 47, 20, 57, 30, 3};
    CHECK(std::memcmp(tensor.data, expected, 8) == 0);
  }
}

TEST_CASE("other element types are read over and refused only when asked for") {
  const TemporaryFolder folder;
  write_file(folder / "t", safetensors_bytes(
                               R"({"i":{"dtype":"I64","shape":[1],"data_offsets":[0,8]},
                                   "f":{"dtype":"F32","shape":[],"data_offsets":[8,12]}})",
                               12));
  const SafetensorsFile file(folder / "t");
  CHECK(file.tensor("f").elements() == 1);
  CHECK(contains(error_of([&] { file.tensor("i"); }), "\"i\" is I64"));
  CHECK(contains(error_of([&] { file.tensor("none"); }), "no tensor \"none\""));
}

TEST_CASE("a link is followed, a pipe is filled, and neither is replaced") {
  namespace fs = std::filesystem;
  const TemporaryFolder folder;
  std::map<std::string, HostTensor> tensors;
  tensors["a"] = from_floats({1, 2, 3}, {3}, DType::f32);
  write_file(folder / "target.safetensors", "old");
  ::chmod((folder / "target.safetensors").c_str(), 0640);
  fs::create_symlink("target.safetensors", folder / "link.safetensors");
  write_safetensors(folder / "link.safetensors", tensors);
  CHECK(fs::is_symlink(folder / "link.safetensors"));
  CHECK(to_floats(read_safetensors(folder / "target.safetensors").at("a")) ==
        std::vector<float>{1, 2, 3});
  CHECK((fs::status(folder / "target.safetensors").permissions() & fs::perms::all) ==
        static_cast<fs::perms>(0640));

  const auto size = fs::file_size(folder / "target.safetensors");
  REQUIRE(::mkfifo((folder / "pipe").c_str(), 0600) == 0);
  const int reader = ::open((folder / "pipe").c_str(), O_RDWR | O_NONBLOCK);
  REQUIRE(reader >= 0);
  write_safetensors(folder / "pipe", tensors);
  std::vector<char> bytes(2 * size);
  CHECK(::read(reader, bytes.data(), bytes.size()) == static_cast<ssize_t>(size));
  ::close(reader);
  CHECK(fs::is_fifo(fs::symlink_status(folder / "pipe")));
  CHECK(std::distance(fs::directory_iterator(folder.path()), {}) == 3);
}

TEST_CASE("shards are put together by their index") {
  const TemporaryFolder folder;
  std::map<std::string, HostTensor> first, second;
  first["a"] = from_floats({1}, {1}, DType::f32);
  second["b"] = from_floats({2}, {1}, DType::bf16);
  write_safetensors(folder / "one.safetensors", first);
  write_safetensors(folder / "two.safetensors", second);
  write_file(folder / "model.safetensors.index.json",
             R"({"metadata": {}, "weight_map": {"a": "one.safetensors", "b": "two.safetensors"}})");
  const auto all = read_safetensors_directory(folder.path());
  CHECK(all.size() == 2);
  CHECK(to_floats(all.at("b")) == std::vector<float>{2});
}

TEST_CASE("narrow elements round to nearest even, every value of 16 bits survives") {
  std::byte memory[4];
  for (const DType dtype : {DType::f16, DType::bf16}) {
    std::size_t wrong = 0;
    for (std::uint32_t bits = 0; bits < 65536; ++bits) {
      const auto narrow = static_cast<std::uint16_t>(bits);
      std::memcpy(memory, &narrow, 2);
      const float value = load_element(memory, 0, dtype);
      if (value != value) continue;
      store_element(memory, 0, dtype, value);
      std::uint16_t again = 0;
      std::memcpy(&again, memory, 2);
      if (again != narrow) ++wrong;
    }
    CHECK(wrong == 0);
  }
  const auto stored = [&](DType dtype, float value) {
    store_element(memory, 0, dtype, value);
    return load_element(memory, 0, dtype);
  };
  CHECK(stored(DType::f16, 1 + 0x1p-11F) == 1);                 // tie to even
  CHECK(stored(DType::f16, 1 + 0x1.8p-10F) == 1 + 0x1p-9F);     // tie to even, upwards
  CHECK(stored(DType::f16, 1 + 0x1.002p-11F) == 1 + 0x1p-10F);  // above the tie
  CHECK(stored(DType::f16, 65519.F) == 65504.F);
  CHECK(stored(DType::f16, 65520.F) == std::numeric_limits<float>::infinity());
  CHECK(stored(DType::f16, 0x1p-25F) == 0);
  CHECK(stored(DType::f16, -0x1.8p-25F) == -0x1p-24F);
  CHECK(stored(DType::bf16, 1 + 0x1p-8F) == 1);
  CHECK(stored(DType::bf16, 1 + 0x1.8p-7F) == 1 + 0x1p-6F);
  CHECK(std::isnan(stored(DType::f16, std::numeric_limits<float>::quiet_NaN())));
  CHECK(std::isnan(stored(DType::bf16, std::numeric_limits<float>::quiet_NaN())));
}
