#pragma once

namespace sluis::services {

// What the door for partijen offers, by the names that health knows.
inline constexpr const char* kPartijServices[] = {
    "sluis.v1.CasusService",        "sluis.v1.SharingService",      "sluis.v1.FieldService",
    "sluis.v1.ConsentService",      "sluis.v1.FactService",         "sluis.v1.ProfessionalService",
    "sluis.v1.AuditService",        "sluis.v1.PersonService",       "sluis.v1.DecisionService",
    "sluis.v1.NotificationService", "sluis.v1.WamsService",         "sluis.v1.SignalService",
    "sluis.v1.EscalationService",   "sluis.v1.PriorityListService", "sluis.v1.SourceService",
};

}  // namespace sluis::services
