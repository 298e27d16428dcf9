#include "bench/subject.h"

#include "bench/keys.h"
#include "stages/registry.h"

namespace strata::bench {

std::string_view name_of(Durability durability) {
  switch (durability) {
    case Durability::kProcess:
      return "process";
    case Durability::kSystem:
      return "system";
    case Durability::kDisk:
      return "disk";
  }
  return "";
}

std::string_view name_of(Subject::Kind kind) {
  switch (kind) {
    case Subject::Kind::kStage:
      return "stage";
    case Subject::Kind::kPeer:
      return "peer";
    case Subject::Kind::kLimit:
      return "limit";
  }
  return "";
}

std::string label_of(Subject::Kind kind, Durability durability) {
  return std::string(name_of(kind)) + ", " + std::string(name_of(durability));
}

std::string label_of(const Subject& subject, Sync sync) {
  return label_of(subject.kind, sync == Sync::kAlways ? Durability::kDisk
                                                      : subject.durability);
}

std::string label_of_reads(const Subject& subject) {
  return label_of(subject.kind, subject.flushed);
}

std::vector<Subject> stage_subjects() {
  std::vector<Subject> subjects;
  for (const Stage* stage : all_stages()) {
    Subject subject;
    subject.stage = stage;
    // Whoever merges in the background can be used by many threads.
    subject.threads = stage->has("compact");
    if (!stage->logs) subject.durability = Durability::kProcess;
    // Values that are one text would be nearly nothing where compressed.
    if (stage->sorts) {
      subject.settings = values_are_compressed() ? "LZ4" : "no compression";
    }
    subjects.push_back(subject);
  }
  return subjects;
}

}  // namespace strata::bench
