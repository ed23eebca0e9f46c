#include "reports/coarsening.hpp"

#include <algorithm>
#include <map>
#include <set>

#include "reports/attribution.hpp"

namespace ssmprof::reports {
namespace {

/// Components joined by fusion on either side. Each stands for itself until joined.
class Fusion {
 public:
  void join(const std::string& a, const std::string& b) {
    const std::string ra = root(a);
    const std::string rb = root(b);
    if (ra != rb) parent_[std::max(ra, rb)] = std::min(ra, rb);
  }
  std::string root(const std::string& name) const {
    std::string r = name;
    for (auto f = parent_.find(r); f != parent_.end(); f = parent_.find(r)) r = f->second;
    return r;
  }

 private:
  std::map<std::string, std::string> parent_;
};

std::set<std::string> covered(const Range& range) {
  std::set<std::string> all(range.includes.begin(), range.includes.end());
  all.insert(range.component);
  return all;
}

/// Fusions that only one side has; those that both share need no coarsening.
Fusion differing_fusions(const Workload& a, const Workload& b, const int* layer) {
  std::map<std::string, std::set<std::string>> by_id;
  Fusion fusion;
  for (const auto& r : a.ranges) by_id[r.id] = covered(r);
  const auto join = [&](const Range& r) {
    if (r.component.empty() || (layer != nullptr && r.layer != *layer)) return;
    for (const auto& c : r.includes) fusion.join(r.component, c);
  };
  bool differ = false;
  for (const auto& r : b.ranges) {
    if (layer != nullptr && r.layer != *layer) continue;
    const auto found = by_id.find(r.id);
    differ = differ || (found == by_id.end() ? !r.includes.empty() : found->second != covered(r));
  }
  std::set<std::string> ids;
  for (const auto& r : b.ranges) ids.insert(r.id);
  for (const auto& r : a.ranges) {
    if (layer != nullptr && r.layer != *layer) continue;
    differ = differ || (!r.includes.empty() && ids.count(r.id) == 0);
  }
  if (!differ) return fusion;
  for (const auto& r : a.ranges) join(r);
  for (const auto& r : b.ranges) join(r);
  return fusion;
}

struct Gathered {
  std::vector<const std::vector<Metric>*> lists;
  std::vector<std::string> places;

  void add(const std::vector<Metric>& metrics, const std::string& place) {
    lists.push_back(&metrics);
    places.push_back(place);
  }
  std::vector<Metric> total() const {
    return lists.size() == 1 ? *lists[0] : sum_metrics(lists, places);
  }
};

struct Group {
  std::vector<std::string> names;  ///< as they first appeared
  Gathered baseline, candidate;
};

/// Groups in order of appearance, found by key.
class Groups {
 public:
  Group& at(const std::string& key) {
    const auto [found, fresh] = index_.emplace(key, groups_.size());
    if (fresh) groups_.emplace_back();
    return groups_[found->second];
  }
  template <class Name>
  std::vector<PlacePair> pairs(Name&& name) const {
    std::vector<PlacePair> all;
    for (const auto& g : groups_) {
      all.push_back({name(g.names), !g.baseline.lists.empty(), !g.candidate.lists.empty(),
                     g.baseline.total(), g.candidate.total()});
    }
    return all;
  }

 private:
  std::map<std::string, std::size_t> index_;
  std::vector<Group> groups_;
};

void remember(std::vector<std::string>& names, const std::string& name) {
  if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
}

/// "layer.03/ssd", "layer.03/gate" → "layer.03/ssd+gate".
std::string joined_ids(const std::vector<std::string>& ids) {
  std::string joined = ids.front();
  for (std::size_t i = 1; i < ids.size(); ++i) {
    const auto slash = ids[i].rfind('/');
    joined += "+" + (slash == std::string::npos ? ids[i] : ids[i].substr(slash + 1));
  }
  return joined;
}

const Attribution* native(const Workload& w) {
  for (const auto& a : w.attributions) {
    if (a.name == "native") return &a;
  }
  return nullptr;
}

}  // namespace

std::vector<PlacePair> pair_ranges(const Workload& baseline, const Workload& candidate) {
  std::map<int, Fusion> fusions;
  for (const auto* w : {&baseline, &candidate}) {
    for (const auto& r : w->ranges) {
      if (fusions.count(r.layer) == 0) {
        fusions.emplace(r.layer, differing_fusions(baseline, candidate, &r.layer));
      }
    }
  }
  // A component that fusion joined to others is compared together with them, layer by layer.
  std::map<int, std::map<std::string, int>> members;
  for (const auto* w : {&baseline, &candidate}) {
    for (const auto& r : w->ranges) {
      for (const auto& c : covered(r)) {
        const auto root = fusions.at(r.layer).root(c);
        if (root != c) ++members[r.layer][root];
      }
    }
  }
  Groups groups;
  const auto add = [&](const Range& r, bool is_baseline) {
    const std::string root = fusions.at(r.layer).root(r.component);
    const bool fused = !r.component.empty() && members[r.layer].count(root) != 0;
    const std::string key = fused ? std::to_string(r.layer) + "\x01" + root : r.id;
    Group& g = groups.at(key);
    remember(g.names, r.id);
    (is_baseline ? g.baseline : g.candidate).add(r.metrics, r.id);
  };
  for (const auto& r : baseline.ranges) add(r, true);
  for (const auto& r : candidate.ranges) add(r, false);
  return groups.pairs(joined_ids);
}

std::vector<PlacePair> pair_rows(const Workload& baseline, const Workload& candidate) {
  const Attribution* a = native(baseline);
  const Attribution* b = native(candidate);
  if (a == nullptr && b == nullptr) return {};
  Fusion fusion = differing_fusions(baseline, candidate, nullptr);
  for (const auto* attribution : {a, b}) {
    if (attribution == nullptr) continue;
    for (const auto& row : attribution->rows) {
      for (const auto& c : row.components) fusion.join(row.name, c);
    }
  }
  Groups groups;
  const auto add = [&](const Attribution* attribution, bool is_baseline) {
    if (attribution == nullptr) return;
    for (const auto& row : attribution->rows) {
      Group& g = groups.at(fusion.root(row.name));
      remember(g.names, row.name);
      (is_baseline ? g.baseline : g.candidate).add(row.metrics, row.name);
    }
  };
  add(a, true);
  add(b, false);
  return groups.pairs(
      [](const std::vector<std::string>& names) { return "component:" + joined_ids(names); });
}

}  // namespace ssmprof::reports
