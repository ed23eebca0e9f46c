#include <fcntl.h>
#include <fstream>
#include <iterator>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "reports/atomic_file.hpp"
#include "reports/error.hpp"

#include "../catch.hpp"
#include "temporary_folder.hpp"

using namespace ssmprof::reports;
namespace fs = std::filesystem;

namespace {

std::string content(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

std::size_t files_in(const fs::path& folder) {
  return static_cast<std::size_t>(
      std::distance(fs::directory_iterator(folder), fs::directory_iterator()));
}

std::string refusal(const fs::path& path) {
  try {
    require_writable(path);
  } catch (const InputError& e) {
    return e.what();
  }
  return "";
}

}  // namespace

TEST_CASE("asking whether a file can be written changes nothing") {
  const TemporaryFolder folder;
  require_writable(folder.path / "new.json");
  CHECK(files_in(folder.path) == 0);
  std::ofstream(folder.path / "old.json") << "old";
  require_writable(folder.path / "old.json");
  CHECK(content(folder.path / "old.json") == "old");
  CHECK(files_in(folder.path) == 1);
}

TEST_CASE("what cannot be written is refused before a run, and nothing is left") {
  const TemporaryFolder folder;
  std::ofstream(folder.path / "file") << "x";
  CHECK(refusal("").find("empty") != std::string::npos);
  CHECK(refusal(folder.path).find("is a directory") != std::string::npos);
  CHECK(refusal(folder.path / "").find("is a directory") != std::string::npos);
  CHECK(refusal(folder.path / "no" / "r.json").find("No such file") != std::string::npos);
  CHECK(refusal(folder.path / "file" / "r.json").find("not a directory") != std::string::npos);
  CHECK(refusal("/proc/r.json").find("cannot write") != std::string::npos);
  CHECK(refusal(folder.path / std::string(300, 'a')).find("cannot write") != std::string::npos);
  fs::create_symlink("loop", folder.path / "loop");
  CHECK(refusal(folder.path / "loop").find("symbolic links") != std::string::npos);
  CHECK_THROWS_AS(write_atomically(folder.path / "no" / "r.json", "x"), InputError);
  if (::geteuid() != 0) {
    ::chmod(folder.path.c_str(), 0500);
    CHECK(refusal(folder.path / "r.json").find("ermission denied") != std::string::npos);
    CHECK(refusal(folder.path / "file").find("ermission denied") != std::string::npos);
    ::chmod(folder.path.c_str(), 0700);
  }
  CHECK(files_in(folder.path) == 2);
}

TEST_CASE("writing replaces the whole file, keeps its mode and follows links") {
  const TemporaryFolder folder;
  const fs::path path = folder.path / "r.json";
  write_atomically(path, "first");
  CHECK(content(path) == "first");
  ::chmod(path.c_str(), 0640);
  fs::create_symlink("r.json", folder.path / "link");
  write_atomically(folder.path / "link", std::string(3000000, 'x'));
  CHECK(fs::is_symlink(folder.path / "link"));
  CHECK(content(path) == std::string(3000000, 'x'));
  struct stat info {};
  REQUIRE(::stat(path.c_str(), &info) == 0);
  CHECK((info.st_mode & 0777) == 0640);
  write_atomically(path, "");
  CHECK(content(path).empty());
  CHECK(files_in(folder.path) == 2);
}

TEST_CASE("a pipe is written, not replaced, also behind a link") {
  const TemporaryFolder folder;
  const fs::path pipe = folder.path / "pipe";
  REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
  fs::create_symlink("pipe", folder.path / "link");
  const int reader = ::open(pipe.c_str(), O_RDWR | O_NONBLOCK);
  REQUIRE(reader >= 0);
  char text[16] = {};
  write_atomically(pipe, "text");
  CHECK(::read(reader, text, sizeof text) == 4);
  write_atomically(folder.path / "link", "more text");
  CHECK(::read(reader, text, sizeof text) == 9);
  // A link of /proc, whose own text names no file.
  const fs::path number = fs::path("/proc/self/fd") / std::to_string(reader);
  write_atomically(number, "t");
  CHECK(::read(reader, text, sizeof text) == 1);
  ::close(reader);
  CHECK(fs::is_fifo(fs::symlink_status(pipe)));
  CHECK(fs::is_symlink(folder.path / "link"));
  CHECK(files_in(folder.path) == 2);
}

TEST_CASE("a file written in pieces appears at the end, or not at all") {
  const TemporaryFolder folder;
  const fs::path path = folder.path / "pieces";
  write_atomically(path, "old");
  {
    AtomicFile file(path);
    file.write("half");
  }
  CHECK(content(path) == "old");
  CHECK(files_in(folder.path) == 1);
  AtomicFile file(path);
  file.write("first ");
  file.write("");
  file.write("second");
  CHECK(content(path) == "old");
  file.commit();
  CHECK(content(path) == "first second");
  CHECK(files_in(folder.path) == 1);
}

TEST_CASE("a writer that is killed leaves the old file or the new one, whole") {
  const TemporaryFolder folder;
  const fs::path path = folder.path / "r.json";
  const std::string a(2000000, 'a');
  const std::string b(2000000, 'b');
  write_atomically(path, a);
  for (int round = 0; round < 12; ++round) {
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
      for (int i = 0;; ++i) write_atomically(path, i % 2 == 0 ? b : a);
    }
    ::usleep(static_cast<useconds_t>(3000 + 2700 * round));
    ::kill(child, SIGKILL);
    int status = 0;
    ::waitpid(child, &status, 0);
    const std::string now = content(path);
    CHECK((now == a || now == b));
  }
}
