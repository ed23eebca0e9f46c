#include <algorithm>
#include <functional>
#include <iostream>

#include "harness/command.hpp"
#include "harness/names.hpp"
#include "probes/registry.hpp"
#include "reports/definitions.hpp"
#include "reports/error.hpp"
#include "reports/exporters/exporter.hpp"
#include "workloads/attributions.hpp"
#include "workloads/presets.hpp"
#include "workloads/pruning/score.hpp"

namespace ssmprof::harness {
namespace {

struct Entry {
  std::string name, summary;
};
using Entries = std::vector<Entry>;

template <typename Things>
Entries described(const Things& things) {
  Entries entries;
  for (const auto& thing : things) {
    entries.push_back({std::string(thing->name()), std::string(thing->summary())});
  }
  return entries;
}

std::string shape(const workloads::ModelConfig& c) {
  const bool first = c.family == workloads::Family::mamba1;
  std::string text = first ? "Mamba-1" : "Mamba-2";
  text += ", " + std::to_string(c.n_layer) + " layers, d_model " + std::to_string(c.d_model) +
          ", d_inner " + std::to_string(c.d_inner) + ", N " + std::to_string(c.d_state.at(0));
  if (!first) {
    text += ", " + std::to_string(c.n_heads) + " heads of " + std::to_string(c.head_dim) + ", " +
            std::to_string(c.n_groups) + (c.n_groups == 1 ? " group" : " groups");
  }
  return text + ", vocabulary " + std::to_string(c.vocab_size);
}

Entries models() {
  Entries entries;
  for (const auto& name : workloads::preset_names()) {
    entries.push_back({name, shape(workloads::preset(name))});
  }
  return entries;
}

Entries components() {
  Entries entries;
  for (const auto& attribution : workloads::attributions()) {
    for (const auto& row : attribution.rows) {
      entries.push_back({attribution.name + ": " + row.name, listed(row.components)});
    }
  }
  return entries;
}

Entries metrics() {
  Entries entries;
  const auto definitions = reports::metric_definitions();
  for (const auto& [id, definition] : definitions.items()) {
    entries.push_back(
        {id, definition.value("unit", "") + " — " + definition.value("definition", "")});
  }
  return entries;
}

/// The metrics as a Markdown table, in the order of the data file.
void print_metrics_table() {
  std::cout << "| id | unit | class | definition | source |\n| --- | --- | --- | --- | --- |\n";
  const auto definitions = nlohmann::ordered_json::parse(reports::data_file("definitions"));
  for (const auto& [id, definition] : definitions.items()) {
    std::cout << "| `" << id << "` |";
    for (const char* column : {"unit", "class", "definition", "source"}) {
      std::cout << ' ' << definition.at(column).get<std::string>() << " |";
    }
    std::cout << '\n';
  }
}

struct Section {
  const char* name;
  std::function<Entries()> entries;
};

const std::vector<Section>& sections() {
  static const std::vector<Section> all = {
      {"models", models},
      {"probes", [] { return described(probes::ordered_probes()); }},
      {"scores", [] { return described(workloads::make_scores()); }},
      {"components", components},
      {"exporters", [] { return described(reports::make_exporters()); }},
      {"metrics", metrics},
  };
  return all;
}

void print(const Section& section) {
  std::cout << section.name << '\n';
  const Entries entries = section.entries();
  std::size_t width = 0;
  for (const auto& entry : entries) width = std::max(width, entry.name.size());
  for (const auto& entry : entries) {
    std::cout << "  " << entry.name << std::string(width - entry.name.size() + 2, ' ')
              << entry.summary << '\n';
  }
  std::cout << '\n';
}

class ListCommand : public Command {
 public:
  std::string_view name() const override { return "list"; }
  std::string_view summary() const override {
    return "List models, probes, scores, components, exporters and metrics";
  }
  void declare(CLI::App& app) override {
    app.add_option("section", section_, "models, probes, scores, components, exporters or metrics");
    app.add_flag("--markdown", markdown_, "metrics: as a Markdown table");
    app.footer("Examples:\n  ssmprof list\n  ssmprof list models");
  }

  reports::ExitCode run() override {
    if (markdown_) {
      if (section_ != "metrics") {
        throw reports::InputError(
            "list --markdown: only the metrics have this form: list metrics --markdown");
      }
      print_metrics_table();
      return reports::ExitCode::ok;
    }
    std::vector<std::string> known;
    bool printed = false;
    for (const auto& section : sections()) {
      known.emplace_back(section.name);
      if (!section_.empty() && section_ != section.name) continue;
      print(section);
      printed = true;
    }
    if (!printed) refuse_name("list", section_, known);
    return reports::ExitCode::ok;
  }

 private:
  std::string section_;
  bool markdown_ = false;
};

}  // namespace

std::unique_ptr<Command> make_list_command() {
  return std::make_unique<ListCommand>();
}

}  // namespace ssmprof::harness
