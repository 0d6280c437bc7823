-- What stands as plan or result is an answer, whatever it says: a classifier answers 'true', 'N/A' or '[]'. Only in rows of
-- the original system does 'success' say no more than that something was done, so only there is it taken for nothing.
-- The words stand here once more: a function that a stored column needs cannot call another one while a dump is restored.
CREATE FUNCTION teaches(content text, is_literal boolean) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT content IS NOT NULL
       AND CASE WHEN is_literal THEN btrim(content, E' \t\n\r\f\x0b') <> ''
           ELSE lower(btrim(content, E' \t\n\r\f\x0b".') COLLATE "C") NOT IN
               ('', 'success', 'successful', 'succeeded', 'ok', 'okay', 'done', 'completed', 'complete', 'failed', 'failure',
                'error', 'none', 'null', 'n/a', 'true', 'false', '{}', '[]') END
$$;

-- Whether the answer of a conversation calls tools; then it needs no text.
CREATE FUNCTION answers_with_a_call(context jsonb) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT coalesce(jsonb_typeof(context #> '{answer,tool_calls,0}') = 'object', false)
$$;

-- A text as JSON, in the order in which it was written; NULL where it is none. No statement over many examples may fail
-- because of one of them.
CREATE FUNCTION sound_json(content text) RETURNS json LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
    RETURN content::json;
EXCEPTION WHEN OTHERS THEN
    RETURN NULL;
END $$;

DROP INDEX examples_dashboard;
ALTER TABLE orchestrator_training_data
    ADD COLUMN is_literal boolean NOT NULL DEFAULT false,
    DROP COLUMN has_plan,
    DROP COLUMN has_result,
    DROP COLUMN is_trainable;

-- Of what was imported before, datasets are known by their shape.
UPDATE orchestrator_training_data AS t SET is_literal = true
FROM imports AS i
WHERE i.id = t.import_id AND i.options->>'shape' <> 'executions';

ALTER TABLE orchestrator_training_data
    ADD COLUMN has_plan boolean NOT NULL GENERATED ALWAYS AS (teaches(execution_plan, is_literal)) STORED,
    ADD COLUMN has_result boolean NOT NULL GENERATED ALWAYS AS (
        teaches(execution_result, is_literal) OR answers_with_a_call(context)
    ) STORED,
    ADD COLUMN is_trainable boolean NOT NULL GENERATED ALWAYS AS (
        is_judged(judgement, quality_score, success)
        AND btrim(user_request, E' \t\n\r\f\x0b') <> ''
        AND (teaches(execution_plan, is_literal) OR teaches(execution_result, is_literal) OR answers_with_a_call(context))
    ) STORED;
CREATE INDEX examples_dashboard ON orchestrator_training_data (created_at, id)
    INCLUDE (quality_score, quality_bin, month, intent, success, tags, is_trainable, source_agent, source_model)
    WHERE withdrawn_at IS NULL;

-- The same request, whether its letters are composed or not (NFC), and whatever their case. Capital letters beyond ASCII are
-- named one by one: lower() answers otherwise from one database to the next. Only who has such letters pays for it; what has
-- none keeps the key, and so the split, that it had.
CREATE OR REPLACE FUNCTION request_group(request text) RETURNS uuid LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN octet_length(request) = length(request) THEN
        md5(lower(btrim(regexp_replace(request, E'[ \t\n\r\f\x0b]{2,}|[\t\n\r\f\x0b]', ' ', 'g')) COLLATE "C"))::uuid
    ELSE
        md5(translate(
            lower(btrim(regexp_replace(
                normalize(request, NFC),
                E'[ \t\n\r\f\x0b\u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+', ' ', 'g'
            )) COLLATE "C"),
            'ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÐÑÒÓÔÕÖØÙÚÛÜÝÞĀĂĄĆĈĊČĎĐĒĔĖĘĚĜĞĠĢĤĦĨĪĬĮĲĴĶĹĻĽĿŁŃŅŇŊŌŎŐŒŔŖŘŚŜŞŠŢŤŦŨŪŬŮŰŲŴŶŸŹŻŽƁƂƄƆƇƉƊƋƎƏƐƑƓƔƖƗƘƜ'
            'ƝƟƠƢƤƦƧƩƬƮƯƱƲƳƵƷƸƼǄǅǇǈǊǋǍǏǑǓǕǗǙǛǞǠǢǤǦǨǪǬǮǱǲǴǶǷǸǺǼǾȀȂȄȆȈȊȌȎȐȒȔȖȘȚȜȞȠȢȤȦȨȪȬȮȰȲȺȻȽȾɁɃɄɅɆɈɊɌɎͰͲͶͿΆΈΉΊΌΎΏΑΒΓΔΕΖΗΘΙΚ'
            'ΛΜΝΞΟΠΡΣΤΥΦΧΨΩΪΫϏϘϚϜϞϠϢϤϦϨϪϬϮϴϷϹϺϽϾϿЀЁЂЃЄЅІЇЈЉЊЋЌЍЎЏАБВГДЕЖЗИЙКЛМНОПРСТУФХЦЧШЩЪЫЬЭЮЯѠѢѤѦѨѪѬѮѰѲѴѶѸѺѼѾҀҊҌҎҐҒҔҖҘҚ'
            'ҜҞҠҢҤҦҨҪҬҮҰҲҴҶҸҺҼҾӀӁӃӅӇӉӋӍӐӒӔӖӘӚӜӞӠӢӤӦӨӪӬӮӰӲӴӶӸӺӼӾԀԂԄԆԈԊԌԎԐԒԔԖԘԚԜԞԠԢԤԦԨԪԬԮԱԲԳԴԵԶԷԸԹԺԻԼԽԾԿՀՁՂՃՄՅՆՇՈՉՊՋՌՍՎՏՐՑՒՓՔ'
            'ՕՖḀḂḄḆḈḊḌḎḐḒḔḖḘḚḜḞḠḢḤḦḨḪḬḮḰḲḴḶḸḺḼḾṀṂṄṆṈṊṌṎṐṒṔṖṘṚṜṞṠṢṤṦṨṪṬṮṰṲṴṶṸṺṼṾẀẂẄẆẈẊẌẎẐẒẔẞẠẢẤẦẨẪẬẮẰẲẴẶẸẺẼẾỀỂỄỆỈỊỌỎỐỒỔỖỘỚỜỞ'
            'ỠỢỤỦỨỪỬỮỰỲỴỶỸỺỼỾἈἉἊἋἌἍἎἏἘἙἚἛἜἝἨἩἪἫἬἭἮἯἸἹἺἻἼἽἾἿὈὉὊὋὌὍὙὛὝὟὨὩὪὫὬὭὮὯᾈᾉᾊᾋᾌᾍᾎᾏᾘᾙᾚᾛᾜᾝᾞᾟᾨᾩᾪᾫᾬᾭᾮᾯᾸᾹᾺᾼῈῊῌῘῙῚῨῩῪῬῸῺῼ',
            'àáâãäåæçèéêëìíîïðñòóôõöøùúûüýþāăąćĉċčďđēĕėęěĝğġģĥħĩīĭįĳĵķĺļľŀłńņňŋōŏőœŕŗřśŝşšţťŧũūŭůűųŵŷÿźżžɓƃƅɔƈɖɗƌǝəɛƒɠɣɩɨƙɯ'
            'ɲɵơƣƥʀƨʃƭʈưʊʋƴƶʒƹƽǆǆǉǉǌǌǎǐǒǔǖǘǚǜǟǡǣǥǧǩǫǭǯǳǳǵƕƿǹǻǽǿȁȃȅȇȉȋȍȏȑȓȕȗșțȝȟƞȣȥȧȩȫȭȯȱȳⱥȼƚⱦɂƀʉʌɇɉɋɍɏͱͳͷϳάέήίόύώαβγδεζηθικ'
            'λμνξοπρστυφχψωϊϋϗϙϛϝϟϡϣϥϧϩϫϭϯθϸϲϻͻͼͽѐёђѓєѕіїјљњћќѝўџабвгдежзийклмнопрстуфхцчшщъыьэюяѡѣѥѧѩѫѭѯѱѳѵѷѹѻѽѿҁҋҍҏґғҕҗҙқ'
            'ҝҟҡңҥҧҩҫҭүұҳҵҷҹһҽҿӏӂӄӆӈӊӌӎӑӓӕӗәӛӝӟӡӣӥӧөӫӭӯӱӳӵӷӹӻӽӿԁԃԅԇԉԋԍԏԑԓԕԗԙԛԝԟԡԣԥԧԩԫԭԯաբգդեզէըթժիլխծկհձղճմյնշոչպջռսվտրցւփք'
            'օֆḁḃḅḇḉḋḍḏḑḓḕḗḙḛḝḟḡḣḥḧḩḫḭḯḱḳḵḷḹḻḽḿṁṃṅṇṉṋṍṏṑṓṕṗṙṛṝṟṡṣṥṧṩṫṭṯṱṳṵṷṹṻṽṿẁẃẅẇẉẋẍẏẑẓẕßạảấầẩẫậắằẳẵặẹẻẽếềểễệỉịọỏốồổỗộớờở'
            'ỡợụủứừửữựỳỵỷỹỻỽỿἀἁἂἃἄἅἆἇἐἑἒἓἔἕἠἡἢἣἤἥἦἧἰἱἲἳἴἵἶἷὀὁὂὃὄὅὑὓὕὗὠὡὢὣὤὥὦὧᾀᾁᾂᾃᾄᾅᾆᾇᾐᾑᾒᾓᾔᾕᾖᾗᾠᾡᾢᾣᾤᾥᾦᾧᾰᾱὰᾳὲὴῃῐῑὶῠῡὺῥὸὼῳ'
        ))::uuid
    END
$$;

-- The first question of the conversation that an example is part of; NULL where it is the first itself.
CREATE FUNCTION conversation_group(context jsonb) RETURNS uuid LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT request_group(jsonb_path_query_first(context, '$.turns[*] ? (@.role == "user").content ? (@.type() == "string")') #>> '{}')
$$;

-- Stored keys are computed anew when what they depend on is set; nothing else changes, and no revision is made.
UPDATE orchestrator_training_data SET user_request = user_request WHERE octet_length(user_request) <> length(user_request);
UPDATE executions SET request = request WHERE octet_length(request) <> length(request);
