#include <iostream>

#include "harness/command.hpp"
#include "harness/output.hpp"
#include "probes/doctor.hpp"

namespace ssmprof::harness {
namespace {

class DoctorCommand : public Command {
 public:
  std::string_view name() const override { return "doctor"; }
  std::string_view summary() const override {
    return "Say what this machine can measure, and why not the rest";
  }
  void declare(CLI::App& app) override {
    app.footer("Example:\n  ssmprof doctor\n\nMarks: ok, ! works with a limit, - not available.");
  }

  reports::ExitCode run() override {
    const bool color = terminal_style().color;
    for (const auto& check : probes::diagnose()) {
      std::cout << mark(check.level, color) << "  " << check.name
                << std::string(check.name.size() < 22 ? 22 - check.name.size() : 1, ' ')
                << check.finding << '\n';
      if (!check.hint.empty()) std::cout << std::string(27, ' ') << check.hint << '\n';
    }
    return reports::ExitCode::ok;
  }

 private:
  static std::string mark(probes::Check::Level level, bool color) {
    switch (level) {
      case probes::Check::ok:
        return color ? "\x1b[32mok\x1b[0m" : "ok";
      case probes::Check::warning:
        return color ? "\x1b[33m !\x1b[0m" : " !";
      default:
        return color ? "\x1b[31m -\x1b[0m" : " -";
    }
  }
};

}  // namespace

std::unique_ptr<Command> make_doctor_command() {
  return std::make_unique<DoctorCommand>();
}

}  // namespace ssmprof::harness
