package jobs

import (
	"math"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"
)

// SliceArgs name one slice of a run: rows Slice*1000+1 to Slice*1000+1000.
type SliceArgs struct {
	Run   int64 `json:"run"`
	Slice int32 `json:"slice"`
}

// Kind is River's name of the job.
func (SliceArgs) Kind() string { return "slice" }

// InsertOpts make a slice unique while it is waiting or worked, so that it can be inserted whenever there is doubt
// whether it is there.
func (SliceArgs) InsertOpts() river.InsertOpts { return uniqueByArgs() }

// PlanArgs name one part of a run's plan, from 1 on; 0 finds out which parts there are.
type PlanArgs struct {
	Run  int64 `json:"run"`
	Part int32 `json:"part"`
}

// Kind is River's name of the job.
func (PlanArgs) Kind() string { return "plan" }

// InsertOpts are those of a slice, for the same reasons.
func (PlanArgs) InsertOpts() river.InsertOpts { return uniqueByArgs() }

func uniqueByArgs() river.InsertOpts {
	return river.InsertOpts{
		// A rescue counts as an attempt; what carries rows must never run out of them.
		MaxAttempts: math.MaxInt16,
		UniqueOpts: river.UniqueOpts{ByArgs: true, ByState: []rivertype.JobState{
			rivertype.JobStateAvailable, rivertype.JobStatePending, rivertype.JobStateRetryable,
			rivertype.JobStateRunning, rivertype.JobStateScheduled,
		}},
	}
}

// MaintenanceArgs is the job that looks after what nobody else does: claims that were left, runs without progress, the
// partitions of the months to come.
type MaintenanceArgs struct{}

// Kind is River's name of the job.
func (MaintenanceArgs) Kind() string { return "maintenance" }

// InsertOpts put maintenance into a queue of its own, where no throttled tenant is before it.
func (MaintenanceArgs) InsertOpts() river.InsertOpts {
	return river.InsertOpts{Queue: controlQueue, MaxAttempts: 1}
}

const controlQueue = "control"

// survey is the part of a plan that finds out which parts there are.
const survey = 0

// Queue is the River queue of a tenant.
func Queue(tenant uuid.UUID) string { return "tenant_" + strings.ReplaceAll(tenant.String(), "-", "") }

// The times of River's side. A job is a box of 20 s, a request of 30 s at its end, and its record; one that runs
// longer is dead. With these a row of a killed worker is worked again within two minutes.
const (
	boxTime         = 20 * time.Second
	jobTimeout      = 55 * time.Second
	rescueAfter     = 60 * time.Second
	softStopTimeout = 45 * time.Second
)

// atOnce is River's retry policy for jobs that ended in an error of ours, such as a lost database connection.
type atOnce struct{}

func (atOnce) NextRetry(*rivertype.JobRow) time.Time { return time.Now().Add(time.Second) }
