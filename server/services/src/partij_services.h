#pragma once

namespace sluis::services {

// What the door for partijen offers, by the names that health knows.
inline constexpr const char* kPartijServices[] = {
    "sluis.v1.CasusService",   "sluis.v1.SharingService", "sluis.v1.FieldService",
    "sluis.v1.ConsentService", "sluis.v1.FactService",    "sluis.v1.ProfessionalService",
    "sluis.v1.AuditService",
};

}  // namespace sluis::services
