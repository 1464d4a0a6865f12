#include "measure.h"

#include <fcntl.h>
#include <unistd.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <fstream>

#include <nlohmann/json.hpp>

#include "sluis/audit/checkpoint.h"
#include "sluis/audit/digest.h"
#include "sluis/audit/note.h"

namespace sluis::bench {

int64_t TimeUnit() {
  static const std::string kBlock(1024, 's');
  const int64_t start = NowNs();
  const audit::Digest digest = audit::Sha256({kBlock});
  const int64_t end = NowNs();
  if (digest.bytes().empty()) std::abort();
  return end - start;
}

double ClockNs() {
  std::vector<double> samples;
  for (int i = 0; i < 20000; ++i) {
    const int64_t start = NowNs();
    samples.push_back(static_cast<double>(NowNs() - start));
  }
  return Quantile(samples, 0.5);
}

double FdatasyncPerSecond(const std::string& directory, double seconds) {
  const std::string path = directory + "/fdatasync.probe";
  const int file = open(path.c_str(), O_CREAT | O_WRONLY | O_TRUNC | O_CLOEXEC, 0600);
  if (file < 0) return 0;
  const std::string page(4096, 'x');
  int count = 0;
  const int64_t start = NowNs();
  const auto limit = static_cast<int64_t>(seconds * 1e9);
  while (NowNs() - start < limit) {
    if (write(file, page.data(), page.size()) != static_cast<ssize_t>(page.size())) break;
    if (fdatasync(file) != 0) break;
    ++count;
  }
  const double taken = static_cast<double>(NowNs() - start) / 1e9;
  close(file);
  unlink(path.c_str());
  return count / taken;
}

double SignatureNs() {
  const auto key = audit::SigningKey::Generate("bench.sluis.test/log");
  if (!key.ok()) return 0;
  std::vector<double> samples;
  for (uint64_t i = 1; i <= 2000; ++i) {
    const audit::TreeHead head{i, audit::Sha256({std::to_string(i)})};
    const int64_t start = NowNs();
    const auto note = audit::SignCheckpoint("bench.sluis.test/log", head, *key);
    samples.push_back(static_cast<double>(NowNs() - start));
    if (!note.ok()) return 0;
  }
  return Quantile(samples, 0.5);
}

void Figures::Add(const std::string& name, double value, const std::string& what) {
  figures_.emplace_back(name, value);
  if (std::abs(value) >= 100) {
    std::printf("  %-28s %14.0f   %s\n", name.c_str(), value, what.c_str());
  } else {
    std::printf("  %-28s %14.3f   %s\n", name.c_str(), value, what.c_str());
  }
  static_cast<void>(std::fflush(stdout));
}

void Figures::Save(const std::string& file) const {
  nlohmann::ordered_json all = nlohmann::ordered_json::object();
  {
    std::ifstream in(file);
    if (in) {
      auto read = nlohmann::ordered_json::parse(in, nullptr, false);
      if (read.is_object()) all = std::move(read);
    }
  }
  for (const auto& [name, value] : figures_) all[name] = value;
  std::ofstream(file) << all.dump(2) << "\n";
}

}  // namespace sluis::bench
