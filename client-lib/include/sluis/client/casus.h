#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "sluis/base/civil_date.h"
#include "sluis/client/call.h"

// The life of a casus. proto/sluis/v1/casus.proto says what each element means and who may do what.
namespace sluis::client {

struct OpenCasusRequest {
  std::string tafel = {};
  std::string phase = {};
  std::string municipality = {};
  std::vector<std::string> domains = {};  // STRAF, ZORG, GEMEENTE
  std::optional<CivilDate> first_processed = {};
};
struct OpenCasusAnswer {
  std::string casus_id = {};
  Proof proof = {};
};

// All but `huisnummer`'s addition are needed, unless the case is urgent.
struct IdentifyingElements {
  std::string geslachtsnaam = {};
  std::string voornamen = {};
  std::optional<CivilDate> geboortedatum = {};
  std::string postcode = {};
  std::string huisnummer = {};
};

// By BSN, by elements, or by BSN with elements added.
struct AddPersonRequest {
  std::string casus_id = {};
  std::string bsn = {};
  bool bsn_verified = false;
  std::optional<IdentifyingElements> elements = {};
  bool urgent = false;
  std::string role = {};  // BETROKKENE, SLACHTOFFER, … (PersonRole)
  bool wilsonbekwaam = false;
  bool address_protected = false;
};
// The caller's own id of the person.
struct PersonAnswer {
  std::string person_id = {};
  Proof proof = {};
};

struct IdentifyPersonRequest {
  std::string bsn = {};
};

struct IntroducePersonRequest {
  std::string casus_id = {};
  std::string person_id = {};
  std::string partij = {};
};

struct PlaceOnTafelRequest {
  std::string casus_id = {};
  std::string tafel = {};
  std::vector<std::string> domains = {};
};

struct AddDeelnemerRequest {
  std::string casus_id = {};
  std::string tafel = {};
  PartijHat deelnemer = {};
  std::optional<CivilDate> from = {};
  std::optional<CivilDate> until = {};
};

struct RemoveDeelnemerRequest {
  std::string casus_id = {};
  PartijHat deelnemer = {};
  std::string tafel = {};
};

struct ScaleCasusRequest {
  std::string casus_id = {};
  std::string phase = {};
  std::string reason = {};
};
struct ScaleCasusAnswer {
  std::string phase = {};
  std::string proposed_phase = {};  // empty when none waits for acceptance
  Proof proof = {};
};

struct AcceptScalingRequest {
  std::string casus_id = {};
  std::string phase = {};
};
struct AcceptScalingAnswer {
  std::string phase = {};
  Proof proof = {};
};

struct CloseCasusRequest {
  std::string casus_id = {};
  std::string reason = {};
};

struct Participation {
  PartijHat participant = {};
  std::optional<CivilDate> from = {};
  std::optional<CivilDate> until = {};
  std::string tafel = {};
};

// What a partij sees of a casus without asking for fields. Reading it makes no entry.
struct CasusView {
  std::string casus_id = {};
  std::string status = {};  // OPEN, CLOSED
  std::vector<Participation> own_participations = {};
  std::vector<std::string> person_ids = {};
  bool opened_by_caller = false;
};

// One page of anything: `page_token` from the page before, empty for the first; 0 for the broker's
// own page size.
struct Page {
  int32_t size = 0;
  std::string token = {};
};

struct CasusPage {
  std::vector<CasusView> casussen = {};  // newest first
  std::string next_page_token = {};      // empty at the end
};

}  // namespace sluis::client
