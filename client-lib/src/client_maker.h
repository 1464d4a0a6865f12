#pragma once

#include <memory>
#include <utility>

#include "session.h"

#include "sluis/client/client.h"

namespace sluis::client {

// Makes clients of any transport. Not installed.
class ClientMaker {
 public:
  static Client Make(std::unique_ptr<internal::Session> session) {
    return Client(std::move(session));
  }
};

}  // namespace sluis::client
