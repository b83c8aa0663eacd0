// SPDX-License-Identifier: Apache-2.0
//
// The one declaration of every task setting. What is obeyed, what means nothing here, what is refused and why.
#include <array>

#include "engine/settings.h"

namespace engine {
namespace {

using enum SettingKind;
using enum SettingUse;

constexpr std::string_view weighed = "buffers are weighed in bytes under one memory budget";
constexpr std::string_view grouped =
    "grouping is internal: whole source transactions, as many as have arrived while the last group was applied";
constexpr std::string_view whole_lobs = "large objects always move whole";
constexpr std::string_view other_targets = "it belongs to targets that are not supported yet";
constexpr std::string_view no_cloudwatch = "it names a log of AWS; logs are in the data directory";
constexpr std::string_view no_time_travel = "time travel logs are not supported yet";
constexpr std::string_view no_inline_validation =
    "validation inside a task is not supported yet; run `millrace validate`";
constexpr std::string_view only_with_validation = "validation inside a task is off";
constexpr std::string_view no_oracle = "it belongs to Oracle, which is not supported yet";
constexpr std::string_view data_policies = "IGNORE_RECORD|LOG_ERROR|SUSPEND_TABLE|STOP_TASK";

constexpr std::array specs{
    SettingSpec{"TargetMetadata.TargetSchema", text, ""},
    SettingSpec{"TargetMetadata.SupportLobs", boolean, "true", refused,
                "leaving large objects out is not supported yet; use remove-column rules"},
    SettingSpec{"TargetMetadata.FullLobMode", boolean, "false", no_effect, whole_lobs},
    SettingSpec{"TargetMetadata.LobChunkSize", integer, "0", no_effect, whole_lobs, "", 0, 2147483647},
    SettingSpec{"TargetMetadata.LimitedSizeLobMode", boolean, "true", no_effect, whole_lobs},
    SettingSpec{"TargetMetadata.LobMaxSize", integer, "32", refused,
                "cutting large objects is not supported yet: they move whole; leave LobMaxSize out", "", 0, 2147483647},
    SettingSpec{"TargetMetadata.InlineLobMaxSize", integer, "0", no_effect, whole_lobs, "", 0, 102400},
    SettingSpec{"TargetMetadata.LoadMaxFileSize", integer, "0", no_effect,
                "rows are streamed to the target, not through files", "", 0, 100000},
    SettingSpec{"TargetMetadata.ParallelLoadThreads", integer, "0", no_effect, other_targets, "", 0, 200},
    SettingSpec{"TargetMetadata.ParallelLoadBufferSize", integer, "0", no_effect, other_targets, "", 0, 1000},
    SettingSpec{"TargetMetadata.ParallelLoadQueuesPerThread", integer, "0", no_effect, other_targets, "", 0, 512},
    SettingSpec{"TargetMetadata.ParallelApplyThreads", integer, "0", no_effect, other_targets, "", 0, 200},
    SettingSpec{"TargetMetadata.ParallelApplyBufferSize", integer, "0", no_effect, other_targets, "", 0, 1000},
    SettingSpec{"TargetMetadata.ParallelApplyQueuesPerThread", integer, "0", no_effect, other_targets, "", 0, 512},
    SettingSpec{"TargetMetadata.BatchApplyEnabled", boolean, "false", obeyed},
    SettingSpec{"TargetMetadata.TaskRecoveryTableEnabled", boolean, "false", no_effect,
                "the position is always kept in the target, with the data"},
    SettingSpec{"TargetMetadata.MaxFullLoadSubTasks", integer, "8", no_effect,
                "FullLoadSettings.MaxFullLoadSubTasks is the one obeyed", "", 1, 49},

    SettingSpec{"FullLoadSettings.TargetTablePrepMode", choice, "DROP_AND_CREATE", obeyed, "",
                "DO_NOTHING|DROP_AND_CREATE|TRUNCATE_BEFORE_LOAD"},
    SettingSpec{
        "FullLoadSettings.CreatePkAfterFullLoad", boolean, "false", no_effect,
        "the key of a table that the task makes is always built after its load, and is there before any change"},
    SettingSpec{"FullLoadSettings.StopTaskCachedChangesApplied", boolean, "false"},
    SettingSpec{"FullLoadSettings.StopTaskCachedChangesNotApplied", boolean, "false"},
    SettingSpec{"FullLoadSettings.MaxFullLoadSubTasks", integer, "8", obeyed, "", "", 1, 49},
    SettingSpec{"FullLoadSettings.TransactionConsistencyTimeout", integer, "600", no_effect,
                "no transaction is ever missed after a time-out: the wait is shown with who is waited for", "", 0,
                2147483647},
    SettingSpec{"FullLoadSettings.CommitRate", integer, "10000", no_effect,
                "a chunk is one transaction of the target; its buffers are weighed in bytes", "", 1, 50000},

    SettingSpec{"TTSettings.EnableTT", boolean, "false", refused, no_time_travel},
    SettingSpec{"TTSettings.FailTaskOnTTFailure", boolean, "false", no_effect, no_time_travel},
    SettingSpec{"TTSettings.TTS3Settings", text, "", refused, no_time_travel},
    SettingSpec{"TTSettings.TTRecordSettings", text, "", refused, no_time_travel},

    SettingSpec{"Logging.EnableLogging", boolean, "false", no_effect, "the log is always written"},
    SettingSpec{"Logging.EnableLogContext", boolean, "false", no_effect, "log lines always name their object"},
    SettingSpec{"Logging.CloudWatchLogGroup", text, "", refused, no_cloudwatch},
    SettingSpec{"Logging.CloudWatchLogStream", text, "", refused, no_cloudwatch},
    SettingSpec{"Logging.DeleteTaskLogs", boolean, "false", no_effect, "logs rotate by themselves"},

    SettingSpec{"ControlTablesSettings.ControlSchema", text, ""},
    SettingSpec{"ControlTablesSettings.HistoryTimeslotInMinutes", integer, "5", obeyed, "", "", 1, 1440},
    SettingSpec{"ControlTablesSettings.HistoryTableEnabled", boolean, "false"},
    SettingSpec{"ControlTablesSettings.SuspendedTablesTableEnabled", boolean, "false"},
    SettingSpec{"ControlTablesSettings.StatusTableEnabled", boolean, "false"},
    SettingSpec{"ControlTablesSettings.FullLoadExceptionTableEnabled", boolean, "false"},
    SettingSpec{"ControlTablesSettings.CommitPositionTableEnabled", boolean, "false", no_effect,
                "the position is always kept in the target, with the data"},

    SettingSpec{"StreamBufferSettings.StreamBufferCount", integer, "3", no_effect, weighed, "", 1, 2147483647},
    SettingSpec{"StreamBufferSettings.StreamBufferSizeInMB", integer, "8", no_effect, weighed, "", 1, 2147483647},
    SettingSpec{"StreamBufferSettings.CtrlStreamBufferSizeInMB", integer, "5", no_effect, weighed, "", 1, 8},

    SettingSpec{"ChangeProcessingDdlHandlingPolicy.HandleSourceTableDropped", boolean, "true"},
    SettingSpec{"ChangeProcessingDdlHandlingPolicy.HandleSourceTableTruncated", boolean, "true"},
    SettingSpec{"ChangeProcessingDdlHandlingPolicy.HandleSourceTableAltered", boolean, "true"},

    SettingSpec{"ErrorBehavior.DataErrorPolicy", choice, "LOG_ERROR", obeyed, "", data_policies},
    SettingSpec{"ErrorBehavior.DataTruncationErrorPolicy", choice, "LOG_ERROR", no_effect, "no value is ever cut",
                data_policies},
    SettingSpec{"ErrorBehavior.DataMaskingErrorPolicy", choice, "STOP_TASK", no_effect,
                "masking rules are not supported yet", data_policies},
    SettingSpec{"ErrorBehavior.DataErrorEscalationPolicy", choice, "SUSPEND_TABLE", no_effect,
                "DataErrorEscalationCount is 0", "SUSPEND_TABLE|STOP_TASK"},
    SettingSpec{"ErrorBehavior.DataErrorEscalationCount", integer, "0", refused,
                "counting data errors is not supported yet; choose DataErrorPolicy SUSPEND_TABLE or STOP_TASK", "", 0,
                10000},
    SettingSpec{"ErrorBehavior.EventErrorPolicy", choice, "IGNORE", no_effect,
                "a task on the command line sends no events", "IGNORE|STOP_TASK"},
    SettingSpec{"ErrorBehavior.TableErrorPolicy", choice, "SUSPEND_TABLE", obeyed, "", "SUSPEND_TABLE|STOP_TASK"},
    SettingSpec{"ErrorBehavior.TableErrorEscalationPolicy", choice, "STOP_TASK", obeyed, "", "STOP_TASK"},
    SettingSpec{"ErrorBehavior.TableErrorEscalationCount", integer, "0", obeyed, "", "", 0, 10000},
    SettingSpec{"ErrorBehavior.RecoverableErrorCount", integer, "-1", obeyed, "", "", -1, 2147483647},
    SettingSpec{"ErrorBehavior.RecoverableErrorInterval", integer, "5", obeyed, "", "", 0, 2147483647},
    SettingSpec{"ErrorBehavior.RecoverableErrorThrottling", boolean, "true"},
    SettingSpec{"ErrorBehavior.RecoverableErrorThrottlingMax", integer, "1800", obeyed, "", "", 0, 2147483647},
    SettingSpec{"ErrorBehavior.RecoverableErrorStopRetryAfterThrottlingMax", boolean, "true"},
    SettingSpec{"ErrorBehavior.ApplyErrorDeletePolicy", choice, "IGNORE_RECORD", obeyed, "", data_policies},
    SettingSpec{"ErrorBehavior.ApplyErrorInsertPolicy", choice, "LOG_ERROR", obeyed, "",
                "IGNORE_RECORD|LOG_ERROR|SUSPEND_TABLE|STOP_TASK|INSERT_RECORD"},
    SettingSpec{"ErrorBehavior.ApplyErrorUpdatePolicy", choice, "LOG_ERROR", obeyed, "",
                "IGNORE_RECORD|LOG_ERROR|SUSPEND_TABLE|STOP_TASK|UPDATE_RECORD"},
    SettingSpec{"ErrorBehavior.ApplyErrorEscalationPolicy", choice, "LOG_ERROR", obeyed, "",
                "LOG_ERROR|SUSPEND_TABLE|STOP_TASK"},
    SettingSpec{"ErrorBehavior.ApplyErrorEscalationCount", integer, "0", obeyed, "", "", 0, 10000},
    SettingSpec{"ErrorBehavior.ApplyErrorFailOnTruncationDdl", boolean, "false"},
    SettingSpec{"ErrorBehavior.FullLoadIgnoreConflicts", boolean, "true", no_effect,
                "load and stream meet exactly at one position, so there are no conflicts to ignore"},
    SettingSpec{"ErrorBehavior.FailOnTransactionConsistencyBreached", boolean, "false", no_effect, no_oracle},
    SettingSpec{"ErrorBehavior.FailOnNoTablesCaptured", boolean, "true"},

    SettingSpec{"ChangeProcessingTuning.BatchApplyPreserveTransaction", boolean, "true", no_effect,
                "whole source transactions are always preserved"},
    SettingSpec{"ChangeProcessingTuning.BatchApplyTimeoutMin", integer, "1", no_effect, grouped, "", 0, 2147483647},
    SettingSpec{"ChangeProcessingTuning.BatchApplyTimeoutMax", integer, "30", no_effect, grouped, "", 0, 2147483647},
    SettingSpec{"ChangeProcessingTuning.BatchApplyMemoryLimit", integer, "500", no_effect, grouped, "", 0, 2147483647},
    SettingSpec{"ChangeProcessingTuning.BatchSplitSize", integer, "0", no_effect, grouped, "", 0, 2147483647},
    SettingSpec{"ChangeProcessingTuning.MinTransactionSize", integer, "1000", no_effect, grouped, "", 1, 2147483647},
    SettingSpec{"ChangeProcessingTuning.CommitTimeout", integer, "1", no_effect, grouped, "", 1, 2147483647},
    SettingSpec{"ChangeProcessingTuning.MemoryLimitTotal", integer, "1024", no_effect, weighed, "", 0, 2147483647},
    SettingSpec{"ChangeProcessingTuning.MemoryKeepTime", integer, "60", no_effect, weighed, "", 0, 2147483647},
    SettingSpec{"ChangeProcessingTuning.StatementCacheSize", integer, "50", no_effect,
                "changes are applied set by set, not by cached statements", "", 0, 200},
    SettingSpec{"ChangeProcessingTuning.RecoveryTimeout", integer, "-1", no_effect,
                "the checkpoint is met at once: it is a position of the source's log", "", -1, 2147483647},

    SettingSpec{"PostProcessingRules", text, "", refused, "it is an internal slot of DMS; leave it null"},
    SettingSpec{"CharacterSetSettings", text, "", refused, "character replacement is not supported yet; leave it null"},
    SettingSpec{"LoopbackPreventionSettings", text, "", refused,
                "loopback prevention is not supported yet; leave it null"},
    SettingSpec{"BeforeImageSettings", text, "", refused, "before images are not supported yet; leave it null"},
    SettingSpec{"FailTaskWhenCleanTaskResourceFailed", boolean, "false", no_effect,
                "`millrace drop` always reports what it could not remove"},

    SettingSpec{"ValidationSettings.EnableValidation", boolean, "false", refused, no_inline_validation},
    SettingSpec{"ValidationSettings.ValidationMode", choice, "ROW_LEVEL", refused,
                "group validation is not supported yet", "ROW_LEVEL|GROUP_LEVEL"},
    SettingSpec{"ValidationSettings.ThreadCount", integer, "5", no_effect, only_with_validation, "", 1, 1000},
    SettingSpec{"ValidationSettings.PartitionSize", integer, "10000", no_effect, only_with_validation, "", 1,
                2147483647},
    SettingSpec{"ValidationSettings.FailureMaxCount", integer, "10000", no_effect, only_with_validation, "", 0,
                2147483647},
    SettingSpec{"ValidationSettings.TableFailureMaxCount", integer, "1000", no_effect, only_with_validation, "", 0,
                2147483647},
    SettingSpec{"ValidationSettings.RecordFailureDelayInMinutes", integer, "5", no_effect, only_with_validation, "", 0,
                2147483647},
    SettingSpec{"ValidationSettings.RecordFailureDelayLimitInMinutes", integer, "0", no_effect, only_with_validation,
                "", 0, 2147483647},
    SettingSpec{"ValidationSettings.RecordSuspendDelayInMinutes", integer, "30", no_effect, only_with_validation, "", 0,
                2147483647},
    SettingSpec{"ValidationSettings.MaxKeyColumnSize", integer, "8096", no_effect, only_with_validation, "", 0,
                2147483647},
    SettingSpec{"ValidationSettings.ValidationOnly", boolean, "false", refused, no_inline_validation},
    SettingSpec{"ValidationSettings.HandleCollationDiff", boolean, "false", no_effect,
                "rows are compared in byte order on both sides"},
    SettingSpec{"ValidationSettings.SkipLobColumns", boolean, "false", no_effect, only_with_validation},
    SettingSpec{"ValidationSettings.ValidationPartialLobSize", integer, "0", no_effect, only_with_validation, "", 0,
                2147483647},
    SettingSpec{"ValidationSettings.ValidationQueryCdcDelaySeconds", integer, "0", no_effect, only_with_validation, "",
                0, 2147483647},

    SettingSpec{"ResyncSettings", text, "", refused, "resynchronisation is not supported yet; leave it out"},
    SettingSpec{"MillraceCompatibility", choice, "none", refused,
                "DMS's losing defaults are not supported yet; leave it out", "none|dms"},
};

}  // namespace

std::span<const SettingSpec> setting_specs() { return specs; }

}  // namespace engine
