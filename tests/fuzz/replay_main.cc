// Runs a fuzz target over the files of its corpus, so that what a fuzzer once found is tested by
// every compiler, also without libFuzzer. With SLUIS_FUZZ_RANDOM=<n> it goes on with n inputs that
// are random, or a file of the corpus with a few bytes changed.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>
#include <sstream>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace {

void Run(const std::string& input) {
  // Exactly as long as the input, so that a sanitizer sees one byte too many.
  const std::vector<uint8_t> bytes(input.begin(), input.end());
  LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
}

std::string RandomInput(const std::vector<std::string>& corpus, std::mt19937_64& rng) {
  std::string input;
  if (!corpus.empty() && rng() % 2 == 0) {
    input = corpus[rng() % corpus.size()];
  } else {
    input.resize(rng() % 200);
    for (char& byte : input) byte = static_cast<char>(rng());
  }
  for (uint64_t changes = rng() % 8; changes > 0 && !input.empty(); --changes) {
    const size_t at = rng() % input.size();
    if (rng() % 4 == 0) {
      input.erase(at, rng() % 8 + 1);
    } else {
      input[at] = static_cast<char>(rng());
    }
  }
  return input;
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::string> paths;
  for (int i = 1; i < argc; ++i) {
    for (const auto& entry : std::filesystem::directory_iterator(argv[i]))
      paths.push_back(entry.path().string());
  }
  std::sort(paths.begin(), paths.end());
  std::vector<std::string> corpus;
  for (const std::string& path : paths) {
    std::ifstream file(path, std::ios::binary);
    std::ostringstream text;
    text << file.rdbuf();
    corpus.push_back(text.str());
    static_cast<void>(std::fprintf(stderr, "%s\n", path.c_str()));
    Run(corpus.back());
  }
  if (corpus.empty()) {
    static_cast<void>(std::fprintf(stderr, "the corpus is empty\n"));
    return 1;
  }
  const char* random = std::getenv("SLUIS_FUZZ_RANDOM");
  const uint64_t count = random == nullptr ? 0 : std::strtoull(random, nullptr, 10);
  std::mt19937_64 rng(count);
  for (uint64_t i = 0; i < count; ++i) Run(RandomInput(corpus, rng));
  return 0;
}
