// A first request, against a development broker (script/dev-broker): the municipality of Almelo
// asks Mediant how to approach somebody, and learns what is still needed before it may know.
#include <cstdlib>
#include <iostream>
#include <string>

#include "absl/time/clock.h"

#include "sluis/base/errors.h"
#include "sluis/client/client.h"
namespace client = sluis::client;

template <typename T>
T Must(absl::StatusOr<T> result) {
  if (result.ok()) return *std::move(result);
  std::cerr << sluis::ReasonOf(result.status()) << ": " << result.status().message() << "\n";
  std::exit(1);
}

int main(int argc, char** argv) {
  if (argc != 3) return std::cerr << "usage: quickstart HOST:PORT DIRECTORY-OF-DEV-BROKER\n", 2;
  const std::string dir = argv[2];
  client::ClientOptions options;
  options.target = argv[1];
  options.certificate_file = dir + "/pki/partij/P_ALMELO/certificate.pem";
  options.key_file = dir + "/pki/partij/P_ALMELO/key.pem";
  options.ca_file = dir + "/pki/ca-bundle.pem";
  options.test_data_only = true;
  options.log_key_file = dir + "/log.pub";    // from the broker's operator; in development it may
  options.trust_log_key_on_first_use = true;  // come from whoever answers first
  options.state_file = dir + "/quickstart.checkpoint";
  options.sequence = client::Sequence::kSharedByMore;  // others try things as Almelo too
  client::Client broker = Must(client::Client::Connect(options));

  Must(broker.PutProfessional({}, {"p-17", {"GEM_PROCESREGIE", "GEM_COLLEGE_WMO"}, {}, true}));
  const client::Context regie{"GEM_PROCESREGIE", "p-17"};
  const auto today = sluis::CivilDate::From(absl::ToCivilDay(absl::Now(), absl::UTCTimeZone()));
  const auto opened =
      Must(broker.OpenCasus(regie, {"T_WIJKTEAM_MDO", "AVE_2", "Almelo", {"ZORG"}, today}));
  const client::AddPersonRequest person{
      .casus_id = opened.casus_id, .bsn = "900000004", .bsn_verified = true, .role = "BETROKKENE"};
  const auto gerda = Must(broker.AddPerson(regie, person)).person_id;
  for (const client::PartijHat& who :
       {client::PartijHat{"P_ALMELO", "GEM_COLLEGE_WMO"}, client::PartijHat{"P_MEDIANT", "GGZ"}})
    Must(broker.AddDeelnemer(regie, {opened.casus_id, "T_WIJKTEAM_MDO", who, today}));

  const client::RequestFieldsRequest ask{
      .casus_id = opened.casus_id,
      .tafel = "T_WIJKTEAM_MDO",
      .source = {"P_MEDIANT", "GGZ"},
      .purpose = "D02",
      .person_id = gerda,
      .fields = {{"signaleringsplan_bejegening", "huisbezoek deze week"}},
      .language = "nl"};  // what comes back is verified, or the call fails
  const auto answer = Must(broker.RequestFields({"GEM_COLLEGE_WMO", "p-17"}, ask));
  for (const client::FieldAnswer& field : answer.decision.fields)
    std::cout << field.field << ": " << field.code << "\n" << field.text << "\n";
  std::cout << "entry " << answer.proof.entries[0].index << " of the log\n";
}
