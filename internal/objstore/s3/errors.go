package s3

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/aws/smithy-go"

	"github.com/aquifer-stream/aquifer/internal/base"
	"github.com/aquifer-stream/aquifer/internal/objstore"
)

// advice is what an error of the store means, and what to do.
type advice struct{ meaning, remedy string }

var (
	noAccess = advice{"access denied", "give these credentials the right to read, write, list and delete here, " +
		"and to list and abort multipart uploads; a store that can only be read holds no state"}
	badCredentials = advice{"the credentials are not valid", "check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and " +
		"AWS_SESSION_TOKEN, or the profile"}
	expired     = advice{"the credentials have expired", "get new ones"}
	noBucket    = advice{"there is no such bucket", "create it or correct its name"}
	wrongClock  = advice{"the clock of this machine is wrong", "set it"}
	wrongRegion = advice{"the bucket is elsewhere", "correct region or endpoint"}
	notThere    = advice{"the server cannot do this", "use a store with conditional writes and multipart uploads"}
)

// advices is what repeating cannot help, by the code of the error; bare statuses are for answers without a body.
var advices = map[string]advice{
	"AccessDenied": noAccess, "AllAccessDisabled": noAccess, "Forbidden": noAccess, "AccountProblem": noAccess,
	"MethodNotAllowed":   noAccess,
	"InvalidAccessKeyId": badCredentials, "SignatureDoesNotMatch": badCredentials, "InvalidToken": badCredentials,
	"Unauthorized": badCredentials, "XAdminUserNotFound": badCredentials, // the latter is versitygw's
	"InvalidSecurity": badCredentials, "NotSignedUp": badCredentials,
	"ExpiredToken": expired, "TokenRefreshRequired": expired,
	"NoSuchBucket": noBucket, "InvalidBucketName": noBucket,
	"RequestTimeTooSkewed": wrongClock, "RequestExpired": wrongClock,
	"PermanentRedirect": wrongRegion, "AuthorizationHeaderMalformed": wrongRegion, "MovedPermanently": wrongRegion,
	"IllegalLocationConstraintException": wrongRegion, "TemporaryRedirect": wrongRegion,
	"NotImplemented": notThere,
}

// explain turns the error of a request into one line. Errors without advice keep their chain.
func (s *Store) explain(ctx context.Context, request, name string, err error) error {
	what := fmt.Sprintf("%s %s%s/%s%s", request, Scheme, s.bucket, s.prefix, name)
	if ctx.Err() != nil {
		return fmt.Errorf("%s: %w", what, ctx.Err())
	}
	if a, ok := advices[code(err)]; ok {
		return base.Errorf(base.Config, "%s: %s (%s): %s: %s", what, a.meaning, code(err), message(err), a.remedy)
	}
	if isMissing(err) {
		return fmt.Errorf("%s: %w", what, objstore.ErrNotFound)
	}
	if code(err) != "" {
		return fmt.Errorf("%s: %s: %s", what, code(err), message(err))
	}
	return fmt.Errorf("%s: %w", what, line{err})
}

// line is an error whose text is one line.
type line struct{ error }

func (l line) Error() string { return oneLine(l.error.Error()) }
func (l line) Unwrap() error { return l.error }

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

// code returns what the server calls the error, or an empty string if the server did not answer.
func code(err error) string {
	if answer, ok := errors.AsType[smithy.APIError](err); ok {
		return answer.ErrorCode()
	}
	return ""
}

func message(err error) string {
	answer, ok := errors.AsType[smithy.APIError](err)
	if !ok || answer.ErrorMessage() == "" {
		return fmt.Sprintf("status %d", status(err))
	}
	return oneLine(answer.ErrorMessage())
}

// isMissing reports that there is no such object. Answers to HeadObject have no body, and so no better code.
func isMissing(err error) bool { return code(err) == "NoSuchKey" || code(err) == "NotFound" }

// isChanged reports that the condition of a write did not hold.
func isChanged(err error) bool { return status(err) == http.StatusPreconditionFailed }
