// A `sluisd` process starts, serves, stops as asked, and comes back on the same directory.

#include "sluis/testing/daemon.h"

#include <csignal>

#include "gtest/gtest.h"

#include "sluis/base_testing/status_matchers.h"
#include "sluis/testing/grpc_transport.h"

namespace sluis {
namespace {

using testing::Daemon;
using testing::GrpcTransport;
using testing::IsOk;

TEST(DaemonTest, StartsServesStopsAndComesBack) {
  Daemon daemon;
  GrpcTransport transport(daemon);
  ASSERT_THAT(daemon.Start(), IsOk());
  EXPECT_EQ(transport.ConnectionOf("P_MEDIANT")->Health().value_or(""), "SERVING");
  EXPECT_EQ(transport.Admin()->Health().value_or(""), "SERVING");
  EXPECT_THAT(transport.Call("P_MEDIANT", "/sluis.v1.AuditService/GetCheckpoint", ""), IsOk());

  EXPECT_EQ(daemon.Terminate().value_or(-1), 0) << daemon.ReadLog();
  ASSERT_THAT(daemon.Start(), IsOk());
  EXPECT_EQ(transport.ConnectionOf("P_MEDIANT")->Health().value_or(""), "SERVING");

  daemon.Kill();
  ASSERT_THAT(daemon.Start(), IsOk());
  EXPECT_EQ(transport.ConnectionOf("P_MEDIANT")->Health().value_or(""), "SERVING");
}

TEST(DaemonTest, SaysWhyItDoesNotStart) {
  Daemon daemon({.edit = [](config::v1::Config& config) {
    config.mutable_policy()->set_statute_file("no-such-file");
  }});
  const absl::Status started = daemon.Start();
  EXPECT_THAT(started, testing::IsError(absl::StatusCode::kUnavailable, "DAEMON_ENDED"));
  EXPECT_NE(started.message().find("no-such-file"), absl::string_view::npos) << started;
}

}  // namespace
}  // namespace sluis
