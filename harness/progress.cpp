#include "harness/progress.hpp"

#include <cmath>
#include <iostream>
#include <sstream>
#include <unistd.h>

#include "reports/terminal_text.hpp"

namespace ssmprof::harness {
namespace {

std::string duration(double seconds) {
  const auto whole = static_cast<long>(std::lround(seconds));
  std::ostringstream text;
  if (whole >= 3600) {
    text << whole / 3600 << " h " << whole % 3600 / 60 << " min";
  } else if (whole >= 60) {
    text << whole / 60 << " min " << whole % 60 << " s";
  } else {
    text << whole << " s";
  }
  return text.str();
}

}  // namespace

Progress::Progress(int steps, bool enabled)
    : steps_(steps), enabled_(enabled), terminal_(isatty(STDERR_FILENO) == 1) {}

Progress::~Progress() {
  clear();
}

double Progress::elapsed() const {
  return std::chrono::duration<double>(Clock::now() - start_).count();
}

void Progress::begin(const std::string& what) {
  if (!enabled_) return;
  const double so_far = elapsed();
  // On a terminal the line is wiped again, so it may appear at once; a log gets a line only once
  // the work has shown to be long.
  if (!terminal_ && so_far < 2.0) return;
  std::ostringstream line;
  line << "[" << finished_ + 1 << "/" << steps_ << "] " << reports::printable(what);
  if (finished_ > 0) {
    line << ", about " << duration(so_far / finished_ * (steps_ - finished_)) << " left";
  }
  if (terminal_) {
    std::cerr << "\r\x1b[2K" << line.str() << std::flush;
    shown_ = true;
  } else {
    std::cerr << line.str() << '\n';
  }
}

void Progress::done() {
  if (finished_ < steps_) ++finished_;
}

void Progress::clear() {
  if (shown_) std::cerr << "\r\x1b[2K" << std::flush;
  shown_ = false;
}

}  // namespace ssmprof::harness
